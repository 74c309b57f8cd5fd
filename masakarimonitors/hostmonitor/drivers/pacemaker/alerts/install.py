"""The installer of the alert agent: the operator's tool behind `masakari-monitors pacemaker-alert`.

The file agent.py goes to every cluster node (a copy that user hacluster can read); its entry goes
once into the CIB. Nothing here runs in the monitor, and everything that it does can be done twice.
"""

import os
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from masakarimonitors.hostmonitor.drivers.pacemaker.alerts import agent
from masakarimonitors.system.files.xml_text import read_xml

PATH = Path("/var/lib/pacemaker/masakari-monitors-alert")
"""Where hacluster may read and SELinux lets Pacemaker execute; the folder is Pacemaker's own."""

ALERT_ID = "masakari-monitors"
_XPATH = f"//alerts/alert[@id='{ALERT_ID}']"
_TIMEOUT = 15.0


class AlertFault(Exception):
    """What could not be done, what that means, and what to do."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is there: the entry in the CIB (path, recipient) and whether this node's file is current."""

    configured_path: str | None
    recipient: str | None
    file: str


def install(path: Path = PATH, socket: str = agent.SOCKET) -> list[str]:
    """Copy the agent to `path` on this node and see that the CIB names it; what was done, in words.

    `path` and `socket` must be the same on every cluster node. Raises `AlertFault`.
    """
    done = []
    source = Path(agent.__file__).read_text()
    if _installed(path) != source:
        _write(path, source)
        done.append(f"copied the alert agent to {path}; do the same on every other cluster node")
    else:
        done.append(f"{path} is there and current")
    shown = show(path)
    if (shown.configured_path, shown.recipient) == (str(path), socket):
        done.append("the CIB names it already")
        return done
    _cibadmin("--modify", "--allow-create", "--scope", "alerts", "--xml-text", entry(path, socket))
    done.append("put it into the CIB: every node of the cluster uses it from now on")
    return done


def remove(path: Path = PATH) -> list[str]:
    """Take the entry out of the CIB, then the file from this node; what was done, in words."""
    done = []
    if show(path).configured_path is not None:
        _cibadmin("--delete", "--xpath", _XPATH)
        done.append("took the alert agent out of the CIB: no node of the cluster uses it any more")
    else:
        done.append("the CIB does not name it")
    if path.exists():
        path.unlink()
        done.append(f"removed {path}; do the same on every other cluster node")
    return done


def show(path: Path = PATH) -> Shown:
    """What stands in the CIB and on this node. Raises `AlertFault` when the CIB cannot be read."""
    document = _cibadmin("--query")
    try:
        alert = read_xml(document).find(f"./configuration/alerts/alert[@id='{ALERT_ID}']")
    except ValueError as fault:
        raise AlertFault(f"cibadmin --query printed no XML ({fault}); is this a cluster node?") from None
    recipient = alert.find("recipient") if alert is not None else None
    installed = _installed(path)
    if installed is None:
        file = f"{path} is missing: run 'masakari-monitors pacemaker-alert install' on this node"
    elif installed != Path(agent.__file__).read_text():
        file = f"{path} is of another version: run 'masakari-monitors pacemaker-alert install' on this node"
    else:
        file = f"{path} is current"
    return Shown(
        alert.get("path") if alert is not None else None,
        recipient.get("value") if recipient is not None else None,
        file,
    )


def entry(path: Path, socket: str) -> str:
    """The CIB's <alerts> section with our entry.

    Attribute alerts come by the hundred; only `shutdown` is asked for, a node's wish to leave in
    order. 15 s: the agent needs 0.05, more where the processors are busy; Pacemaker kills one that hangs.
    """
    alerts = ET.Element("alerts")
    alert = ET.SubElement(alerts, "alert", id=ALERT_ID, path=str(path))
    meta = ET.SubElement(alert, "meta_attributes", id=f"{ALERT_ID}-meta")
    ET.SubElement(meta, "nvpair", id=f"{ALERT_ID}-timeout", name="timeout", value="15s")
    select = ET.SubElement(alert, "select")
    ET.SubElement(select, "select_nodes")
    ET.SubElement(select, "select_fencing")
    attributes = ET.SubElement(select, "select_attributes")
    ET.SubElement(attributes, "attribute", id=f"{ALERT_ID}-shutdown", name="shutdown")
    ET.SubElement(alert, "recipient", id=f"{ALERT_ID}-socket", value=socket)
    return ET.tostring(alerts, encoding="unicode")


def _installed(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        raise AlertFault(f"{path} cannot be read ({fault}); run this as root") from None


def _write(path: Path, text: str) -> None:
    try:
        fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(fd, "w") as file:
            file.write(text)
        os.chmod(temporary, 0o755)
        os.replace(temporary, path)
    except OSError as fault:
        raise AlertFault(
            f"the alert agent cannot be written to {path} ({fault.strerror}); run this as root on a node that "
            "has pacemaker, or choose another place with --path, readable by the user hacluster"
        ) from None


def _cibadmin(*arguments: str) -> str:
    command = ["cibadmin", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except FileNotFoundError:
        raise AlertFault(
            "cibadmin is not installed (package pacemaker-cli-utils): is this a cluster node?"
        ) from None
    except subprocess.TimeoutExpired:
        raise AlertFault(
            f"cibadmin gave no answer in {_TIMEOUT:.0f} s: this node has no contact to the cluster"
        ) from None
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())
        raise AlertFault(f"cibadmin failed with exit code {done.returncode}: {words}")
    return done.stdout

"""A libvirtd that is spoken to over its network: by TCP with SASL (DIGEST-MD5), and by TLS with certificates.

All keys are made for the one realm. Passwords go over standard input and files, never over a command line.
"""

import subprocess
from pathlib import Path

USER, PASSWORD = "monitor", "by no means secret"
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def prepare(layout: Path) -> str:
    """For `opened`: the users and the certificates, and what libvirtd's configuration says of them."""
    _users(layout)
    pki = layout / "pki"
    pki.mkdir()
    _openssl(pki, "ca", "/CN=ca of the tests", "basicConstraints=critical,CA:TRUE", issuer=None)
    for name, usage in (("server", "serverAuth"), ("client", "clientAuth")):
        _openssl(pki, name, f"/CN={name}", f"extendedKeyUsage={usage}", issuer="ca")
    return (
        'listen_tcp = 1\nauth_tcp = "sasl"\nlisten_tls = 1\nauth_tls = "none"\nlisten_addr = "127.0.0.1"\n'
        f'ca_file = "{pki}/cacert.pem"\ncert_file = "{pki}/servercert.pem"\nkey_file = "{pki}/serverkey.pem"\n'
    )


def _users(layout: Path) -> None:
    folder = layout / "sasl2"
    folder.mkdir()
    (folder / "libvirt.conf").write_text(f"mech_list: digest-md5\nsasldb_path: {folder}/users.db\n")
    # The name of the realm is that of its host: so its libvirtd calls itself.
    command = [
        "saslpasswd2",
        "-p",
        "-a",
        "libvirt",
        "-f",
        f"{folder}/users.db",
        "-u",
        layout.name,
        "-c",
        USER,
    ]
    subprocess.run(command, input=PASSWORD.encode(), check=True, timeout=60)


def _openssl(pki: Path, name: str, subject: str, extension: str, *, issuer: str | None) -> None:
    command = ["openssl", "req", "-x509", "-days", "2", *_KEY, "-subj", subject]
    command += ["-keyout", f"{name}key.pem", "-out", f"{name}cert.pem", "-addext", extension]
    if issuer:
        command += ["-CA", f"{issuer}cert.pem", "-CAkey", f"{issuer}key.pem"]
        command += ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, cwd=pki, check=True, capture_output=True, timeout=60)


def auth_file(folder: Path, password: str = PASSWORD) -> Path:
    """libvirt's own auth.conf with a user's password."""
    path = folder / "auth.conf"
    path.touch(mode=0o600)
    path.write_text(
        f"[credentials-tests]\nauthname={USER}\npassword={password}\n"
        "[auth-libvirt-127.0.0.1]\ncredentials=tests\n"
    )
    return path

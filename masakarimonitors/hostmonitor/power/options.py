"""`[host]`'s options about BMCs become a `Proof`; used by the `build` of every driver that proves deaths."""

from pathlib import Path

from oslo_config.cfg import ConfigOpts

from masakarimonitors.conf import ConfigFault
from masakarimonitors.hostmonitor.power.proof import PowerConfigFault, PowerPolicy, Proof
from masakarimonitors.system.clock import Clock


def prover(conf: ConfigOpts, clock: Clock) -> Proof:
    """Knows the BMCs of `power_config_file`, and those that a driver makes it learn; raises ConfigFault."""
    options = conf.host
    policy = PowerPolicy(
        timeout=float(options.ipmi_timeout),
        cipher_suite=options.ipmi_cipher_suite,
        config_file=Path(options.power_config_file) if options.power_config_file else None,
        unreachable_means_off=options.power_unreachable_means_off,
    )
    try:
        return Proof(policy, clock)
    except PowerConfigFault as fault:
        raise ConfigFault(str(fault)) from fault

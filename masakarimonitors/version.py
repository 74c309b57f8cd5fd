"""The one place that names the version of this distribution."""

VERSION = "1.0.0.dev0"

"""feddns: one name for a service over many Kubernetes clusters."""

__version__ = "0.1.0"

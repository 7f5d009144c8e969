"""Underway: maintenance on Kubernetes without downtime."""

__version__ = "0.1.0"

"""Kubernetes objects: lean forms of what the API gives, and what they mean to us."""

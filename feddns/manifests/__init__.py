"""Folders of manifests: from files to events."""

"""The only speaker to a Kubernetes API: its objects in lean forms, what they mean to us, and how
those of an API are followed.
"""

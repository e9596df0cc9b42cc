"""Side-by-side measurements of feddns and its peers: `python -m bench`.

Nothing here is imported by `feddns` or `controllers`, and nothing here imports them: the server
is a program that is started and asked, as its peers are.
"""

"""The DNS server: bytes of a question in, bytes of an answer out, and the sockets around it.

udp ◇ tcp ◇ → responder → wire, edns → answer → zones → wire → cache
                        → forwarding ◇, where an answer leaves our zones
"""

"""Ports for servers of tests: free at all of these addresses, for TCP and UDP, and none that a client is given.

The kernel takes the ports of clients from the range above, so between a look and the bind nobody gets one by chance.
"""
import random, socket

LOW, HIGH = 10240, 32768  # net.ipv4.ip_local_port_range begins here


def is_free(port, addresses):
    held = []
    try:
        for a in addresses:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                held.append(socket.socket(socket.AF_INET, kind))
                held[-1].bind((a, port))
        return True
    except OSError:
        return False
    finally:
        for s in held:
            s.close()


def free_ports(n, addresses=('127.0.0.1',)):
    """n different ones."""
    found = set()
    while len(found) < n:
        port = random.randrange(LOW, HIGH)
        if is_free(port, addresses):
            found.add(port)
    return list(found)


def free_port(*addresses):
    return free_ports(1, addresses or ('127.0.0.1',))[0]

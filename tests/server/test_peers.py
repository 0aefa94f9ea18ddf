"""What tells hosts from each other."""

import pytest

from relumix_server.status_errors import peer_host


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:10.0.0.7:50412", "ipv4:10.0.0.7"),
        ("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:50412", "ipv6:2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2:ffff::1%5D:1", "ipv6:2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:3::1]:1", "ipv6:2001:db8:1:3::/64"),
        ("ipv6:%5B::ffff:10.0.0.7%5D:50412", "ipv4:10.0.0.7"),
        ("ipv6:%5Bfe80::1%25eth0%5D:50412", "ipv6:fe80::/64"),
        ("unix:", "unix"),
    ],
)
def test_the_host_of_a_peer(peer, host):
    assert peer_host(peer) == host

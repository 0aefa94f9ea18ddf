from __future__ import annotations

import pytest

from relumix.errors import InputError
from relumix.web.options import Options


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"listen": "0.0.0.0:7860"},
            "0.0.0.0:7860 can be reached from other machines: give --token-file, or use 127.0.0.1",
        ),
        ({"listen": "7860"}, "'7860' is no address: expected HOST:PORT, like 127.0.0.1:50051"),
        ({"root": ("/no/such",)}, "the root /no/such is no folder: expected one that is there"),
        ({"root": ("",)}, "the root that was given is no folder: expected one that is there"),
        ({"max_pixels": 0}, "max_pixels is 0: expected more than 0"),
        ({"session_seconds": float("nan")}, "session_seconds is nan: expected more than 0"),
        ({"token_file": ""}, "token_file is empty: expected a name, or no such option"),
        ({"tls_cert": "c.pem"}, "TLS needs a certificate and its key: give both --tls-cert and --tls-key"),
        (
            {"metrics": "0.0.0.0:1"},
            "the status page at 0.0.0.0:1 could be read from other machines: use 127.0.0.1",
        ),
    ],
)
def test_what_cannot_be(given, text: str):
    with pytest.raises(InputError) as refused:
        Options(**given)
    assert str(refused.value) == text


def test_others_may_come_with_a_token():
    assert not Options(listen="0.0.0.0:7860", token_file="tokens").local
    assert Options().local

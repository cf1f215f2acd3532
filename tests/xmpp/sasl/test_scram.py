"""SCRAM against scramp's client, and what is no SCRAM."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.xmpp.sasl.failure import SASLError
from natter.xmpp.sasl.keys import Keys, keys_for
from natter.xmpp.sasl.scram import MECHANISMS, ScramExchange
from scramp import ScramClient  # type: ignore[import-untyped]

SALT = bytes(range(16))
KEYS = {mechanism: Keys(SALT, 4096, *keys_for("secret", mechanism, SALT, 4096)) for mechanism in MECHANISMS}


def condition(call: object, *arguments: object) -> str:
    with pytest.raises(SASLError) as error:
        call(*arguments)  # type: ignore[operator]
    return error.value.condition


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_right_password(mechanism: str) -> None:
    client = ScramClient([mechanism], "Alice", "secret", c_nonce="clientnonce")
    server = ScramExchange(mechanism, "servernonce")
    server.first(client.get_client_first().encode())
    assert (server.username, server.authzid) == ("alice", "")
    challenge = server.challenge(KEYS[mechanism]).decode()
    assert challenge.startswith("r=clientnonceservernonce,s=AAECAwQFBgcICQoLDA0ODw==,i=4096")
    client.set_server_first(challenge)
    client.set_server_final(server.final(client.get_client_final().encode()).decode())


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_wrong_password(mechanism: str) -> None:
    client = ScramClient([mechanism], "alice", "wrong")
    server = ScramExchange(mechanism, "servernonce")
    server.first(client.get_client_first().encode())
    client.set_server_first(server.challenge(KEYS[mechanism]).decode())
    assert condition(server.final, client.get_client_final().encode()) == "not-authorized"


def proof(header: str, keys: Keys, bare: str, challenge: str, password: str = "secret") -> bytes:
    """client-final-message, made by hand."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), keys.salt, keys.iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    nonce = challenge.split(",")[0]
    without = f"c={base64.b64encode(header.encode()).decode()},{nonce}"
    signature = hmac.digest(hashlib.sha256(client_key).digest(), f"{bare},{challenge},{without}".encode(), "sha256")
    signed = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return f"{without},p={base64.b64encode(signed).decode()}".encode()


@pytest.mark.parametrize("header", ["n,,", "y,,", "n,a=alice@localhost,", "y,a=a=2Cb=3D,"])
def test_headers(header: str) -> None:
    keys = KEYS["SCRAM-SHA-256"]
    server = ScramExchange("SCRAM-SHA-256", "sn")
    server.first(f"{header}n=alice,r=cn".encode())
    assert server.authzid == {"n,a=alice@localhost,": "alice@localhost", "y,a=a=2Cb=3D,": "a,b="}.get(header, "")
    challenge = server.challenge(keys).decode()
    assert server.final(proof(header, keys, "n=alice,r=cn", challenge)).startswith(b"v=")


@pytest.mark.parametrize("header", ["n,,", "y,,", "n,a=bob@localhost,", "p=tls-exporter,,"])
def test_a_header_that_was_changed_on_the_way(header: str) -> None:
    """The proof covers the header: a downgrade or another authzid does not go through."""
    keys = KEYS["SCRAM-SHA-256"]
    for sent in {"n,,", "y,,", "n,a=alice@localhost,"} - {header}:
        server = ScramExchange("SCRAM-SHA-256", "sn")
        server.first(f"{sent}n=alice,r=cn".encode())
        challenge = server.challenge(keys).decode()
        assert condition(server.final, proof(header, keys, "n=alice,r=cn", challenge)) == "not-authorized"


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"n", b"n,", b"n,,", b"n,,n=alice", b"n,,r=x", b"x,,n=alice,r=cn", b"n,,n=,r=cn", b"\xff"),
        *(b"p=tls-unique,,n=alice,r=cn", b"n,,m=x,n=alice,r=cn", b"n,b=x,n=alice,r=cn", b"n,a=,n=alice,r=cn"),
        *(b"n,,n=al=ice,r=cn", b"n,,n=al=2dice,r=cn", b"n,a=a=,n=alice,r=cn"),
    ],
)
def test_first_message_malformed(message: bytes) -> None:
    server = ScramExchange("SCRAM-SHA-256", "sn")
    try:
        server.first(message)
    except SASLError as error:
        assert error.condition == "malformed-request"
    else:
        assert condition(server.challenge, KEYS["SCRAM-SHA-256"]) == "malformed-request"


@pytest.mark.parametrize("name", [b"a@b", b"a b", b"a=2Cb=3D@", b"a/b"])
def test_names_nobody_can_have(name: bytes) -> None:
    assert condition(ScramExchange("SCRAM-SHA-1", "sn").first, b"n,,n=" + name + b",r=cn") == "not-authorized"


def test_an_escaped_name() -> None:
    server = ScramExchange("SCRAM-SHA-1", "sn")
    server.first(b"n,,n=a=2Cb=3Dc,r=cn")
    assert server.username == "a,b=c"
    assert server.challenge(KEYS["SCRAM-SHA-1"]).startswith(b"r=cnsn,")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"", "malformed-request"),
        (b"\xff", "malformed-request"),
        (b"c=biws,r=cnsn", "malformed-request"),
        (b"c=biws,r=cnsn,p=!", "malformed-request"),
        (b"c=biws,r=other,p=AAAA", "malformed-request"),
        (b"c=biws,r=cnsn,p=AAAA", "not-authorized"),
        (b"c=biws,r=cnsn,p=" + base64.b64encode(b"\0" * 32), "not-authorized"),
        (b"c=eSws,r=cnsn,p=" + base64.b64encode(b"\0" * 32), "not-authorized"),
    ],
)
def test_final_message_wrong(message: bytes, expected: str) -> None:
    server = ScramExchange("SCRAM-SHA-256", "sn")
    server.first(b"n,,n=alice,r=cn")
    server.challenge(KEYS["SCRAM-SHA-256"])
    assert condition(server.final, message) == expected


@given(st.binary(max_size=60) | st.from_regex(rb"\A[nyp]?,?(a=x)?,?n=[a-c=,]*,r=[a-z,]*\Z"))
def test_nothing_else_is_raised(message: bytes) -> None:
    server = ScramExchange("SCRAM-SHA-256", "sn")
    try:
        server.first(message)
        server.challenge(KEYS["SCRAM-SHA-256"])
        server.final(message)
    except SASLError:
        return
    raise AssertionError("a random message got through")

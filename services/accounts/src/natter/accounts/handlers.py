"""The requests that other processes make: natter.rpc.accounts.<verb>, AccountRequest in, AccountReply out, always."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from google.protobuf.message import DecodeError
from natter.bus.api import BusError, Handler
from natter.proto.v1.accounts_pb2 import AccountReply, AccountRequest
from natter.telemetry import names
from natter.xmpp.sasl.keys import PasswordError

from .account.decide import Refused
from .book import Book, WrongUsername
from .keys import Busy

log = logging.getLogger(__name__)

Verb = Callable[[Book, AccountRequest], Awaitable[AccountReply]]


async def credentials(book: Book, request: AccountRequest) -> AccountReply:
    """The SCRAM keys of a user."""
    exists, keys, revision = await book.credentials(request.username)
    return AccountReply(exists=exists, keys=keys, revision=revision)


async def register(book: Book, request: AccountRequest) -> AccountReply:
    """A new account."""
    await book.register(request.username, request.password, by=request.by)
    return AccountReply(exists=True)


async def passwd(book: Book, request: AccountRequest) -> AccountReply:
    """A new password."""
    await book.change_password(request.username, request.password, by=request.by)
    return AccountReply(exists=True)


async def remove(book: Book, request: AccountRequest) -> AccountReply:
    """The end of an account."""
    await book.remove(request.username, by=request.by)
    return AccountReply()


async def list_names(book: Book, request: AccountRequest, *, names_max: int) -> AccountReply:
    """Usernames in order, those above `request.username`; `text` says when there are more."""
    page, more = await book.names(after=request.username, names_max=names_max)
    return AccountReply(usernames=page, text=f"{more} more" if more else "")


def handlers(book: Book, *, names_max: int) -> dict[str, Handler]:
    """Verb → what answers it."""
    verbs: dict[str, Verb] = {
        "credentials": credentials,
        "register": register,
        "passwd": passwd,
        "remove": remove,
        "list": lambda book, request: list_names(book, request, names_max=names_max),
    }
    return {verb: answering(verb, work, book) for verb, work in verbs.items()}


def answering(verb: str, work: Verb, book: Book) -> Handler:
    """`work` between bytes and bytes. Whatever happens the asker gets an answer, and no password gets into a log."""

    async def answer(payload: bytes) -> bytes:
        reply = await attempt(verb, work, book, payload)
        names.ACCOUNT_REQUESTS.add(verb, reply.error or "done")
        return reply.SerializeToString()

    return answer


async def attempt(verb: str, work: Verb, book: Book, payload: bytes) -> AccountReply:
    """The reply, errors as conditions."""
    try:
        return await work(book, AccountRequest.FromString(payload))
    except DecodeError:
        return AccountReply(error="bad-request", text="not an AccountRequest")
    except (WrongUsername, PasswordError) as error:
        return AccountReply(error="not-acceptable", text=str(error))
    except Refused as error:
        return AccountReply(error=error.condition)
    except Busy:
        return AccountReply(error="unavailable", text="too many passwords are being worked on")
    except BusError as error:
        return AccountReply(error="unavailable", text=type(error).__name__)
    except Exception as error:
        # Its text may have the request in it.
        log.error("account request failed: %s", type(error).__name__, extra={"verb": verb})
        return AccountReply(error="unavailable", text="internal error")

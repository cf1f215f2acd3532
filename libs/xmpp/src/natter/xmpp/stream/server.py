"""The receiving entity of a client's stream, without I/O: bytes and time in, events and bytes out. The rules of order
are in `states`; here is what each action does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, assert_never

from .. import jid, ns
from ..sasl import failure as sasl
from ..sasl.dialogue import Challenge, CredentialsWanted, Dialogue, PlainWanted, Step, Success
from ..sasl.failure import SASLError
from ..sasl.keys import Keys
from ..xeps import stream_management
from . import opening, written
from .asks import (
    Answered,
    Authenticated,
    AuthenticationFailed,
    BindWanted,
    Closed,
    RegistrationIq,
    ResumeWanted,
    ServerEvent,
    StartTls,
)
from .events import Nonza, ReaderEvent, Series, Stanza, StreamClosed, StreamOpened, Violation
from .opening import Config
from .reader import Reader
from .states import WAITING, Action, State, action, classify


class ServerStream:
    """One client's connection. `receive` and every answer return what happened; then write `data_to_send()`.

    Answers that come after the end are ignored; an answer nobody asked for is a RuntimeError.
    """

    __slots__ = (
        "_authenticated",
        "_backlog",
        "_config",
        "_deadline",
        "_dialogue",
        "_failures",
        "_iq_id",
        "_jid",
        "_new_id",
        "_new_nonce",
        "_opened",
        "_out",
        "_reader",
        "_secure",
        "_started",
        "_state",
    )

    def __init__(
        self,
        config: Config,
        *,
        secure: bool,
        now: float,
        new_id: Callable[[], str],
        new_nonce: Callable[[], str],
    ) -> None:
        """`secure`: TLS is there already. `new_id` makes stream ids, `new_nonce` SCRAM nonces: both unpredictable."""
        self._config = config
        self._secure = secure
        self._started = now
        self._new_id = new_id
        self._new_nonce = new_nonce
        self._reader = Reader(config.before, stepwise=True)
        self._state = State.HEADER
        self._out: list[bytes] = []
        self._backlog = b""
        self._opened = self._authenticated = False
        self._failures = 0
        self._dialogue = Dialogue(config.domain, new_nonce)
        self._iq_id = self._jid = ""
        self._deadline: float | None = None
        self._set_deadline()

    # --- what the owner calls ---------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def secure(self) -> bool:
        """Whether TLS is there."""
        return self._secure

    @property
    def jid(self) -> str:
        """The full JID once bound, the bare JID once authenticated, else ""."""
        return self._jid

    def receive(self, data: bytes, now: float) -> Sequence[ServerEvent]:
        """Take what came from the connection. The hot path of a bound stream: stanzas as the reader gives them."""
        if self._state is State.BOUND:
            events = self._reader.feed(data)
            for event in events:
                if event.__class__ is Series or (event.__class__ is Nonza and event.name in self._config.nonzas):
                    continue
                if event.__class__ is not Stanza or event.kind == "iq" or event.sender is not None:
                    return self._take_all(events)
            return events  # type: ignore[return-value]  # all of them are stanzas
        if self._deadline is not None and now >= self._deadline:
            return self.tick(now)
        if self._state in WAITING:
            return self._wait(data)
        if self._state is State.TLS or self._state is State.CLOSED:
            # RFC 6120 §5.4.3.3: what was pipelined behind <starttls/> is thrown away.
            return []
        return self._read(data)

    def data_to_send(self) -> bytes:
        """What is to be written, once."""
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def deadline(self) -> float | None:
        """When to call `tick`, in the time that `now` is in."""
        return self._deadline

    def tick(self, now: float) -> list[ServerEvent]:
        """Time has passed."""
        if self._deadline is None or now < self._deadline:
            return []
        return self.terminate("connection-timeout")

    def tls_established(self) -> list[ServerEvent]:
        """The handshake has ended."""
        if not self._waited_for(State.TLS):
            return []
        self._secure = True
        self._restart(discard=True)
        self._set_deadline()
        return []

    def credentials(self, keys: Keys | None) -> list[ServerEvent]:
        """Answer to CredentialsWanted. None: nobody can say now."""
        if not self._waited_for(State.CREDENTIALS):
            return []
        events: list[ServerEvent] = []
        try:
            if keys is None:
                raise SASLError("temporary-auth-failure")
            self._step(self._dialogue.credentials(keys), events)
        except SASLError as error:
            self._sasl_failed(error.condition, events)
        return self._resume(events)

    def plain_result(self, right: bool | None) -> list[ServerEvent]:
        """Answer to PlainWanted. None: nobody can say now."""
        if not self._waited_for(State.PASSWORD):
            return []
        events: list[ServerEvent] = []
        if right:
            self._step(Success(b""), events)
        else:
            self._sasl_failed("temporary-auth-failure" if right is None else "not-authorized", events)
        return self._resume(events)

    def registration_reply(self, answer: bytes) -> list[ServerEvent]:
        """Answer to RegistrationIq: the IQ to send."""
        if not self._waited_for(State.REGISTERING):
            return []
        self._out.append(answer)
        self._state = State.NEGOTIATING
        return self._resume([])

    def bound(self, full: str) -> list[ServerEvent]:
        """Answer to BindWanted: the session's full JID."""
        if not self._waited_for(State.ASSIGNING):
            return []
        self._out.append(written.bind_result(self._iq_id, full))
        return self._begin(full)

    def bind_refused(self, condition: str) -> list[ServerEvent]:
        """Answer to BindWanted: not so, with a stanza error's condition. The client may try again."""
        if not self._waited_for(State.ASSIGNING):
            return []
        self._out.append(written.iq_error(self._iq_id, condition))
        self._state = State.BINDING
        return self._resume([])

    def resumed(self, full: str, previd: str, h: int) -> list[ServerEvent]:
        """Answer to ResumeWanted: this stream goes on as the former one, of which `h` stanzas were handled."""
        if not self._waited_for(State.RESUMING):
            return []
        self._out.append(stream_management.resumed(previd, h))
        return self._begin(full)

    def resume_refused(self, condition: str, h: int | None = None) -> list[ServerEvent]:
        """Answer to ResumeWanted: not so. XEP-0198 §5: the client may bind a resource instead."""
        if not self._waited_for(State.RESUMING):
            return []
        self._out.append(stream_management.failed(condition, h))
        self._state = State.BINDING
        return self._resume([])

    def _begin(self, full: str) -> list[ServerEvent]:
        self._jid = full
        self._state = State.BOUND
        self._deadline = None
        self._reader.stepwise = False
        return self._resume([])

    def terminate(self, condition: str = "", text: str = "", detail: bytes = b"") -> list[ServerEvent]:
        """End the stream from this side, with a stream error or (no condition) without. `detail`: RFC 6120 §4.9.4."""
        events: list[ServerEvent] = []
        if self._state is not State.CLOSED:
            self._end(condition, text, events, detail)
        return events

    def connection_lost(self) -> None:
        """There is no connection any more: let go of everything."""
        self._state = State.CLOSED
        self._deadline = None
        self._out.clear()
        self._backlog = b""
        self._reader.close()

    def idle(self) -> None:
        """Nothing came for a while: give memory back."""
        self._reader.rest()

    # --- reading ----------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> list[ServerEvent]:
        """Feed the reader until it has nothing more, or an answer from the owner is needed first."""
        events: list[ServerEvent] = []
        while True:
            read = self._reader.feed(data)
            data = b""
            if not read:
                return events
            for event in read:
                self._take(event, events)
            if self._state in WAITING or self._state is State.TLS or self._state is State.CLOSED:
                return events

    def _wait(self, data: bytes) -> list[ServerEvent]:
        limits = self._config.after if self._authenticated else self._config.before
        if self._reader.unread + len(self._backlog) + len(data) > limits.stanza_bytes_max:
            return self.terminate("policy-violation", "too many bytes")
        self._backlog += data
        return []

    def _resume(self, events: list[ServerEvent]) -> list[ServerEvent]:
        if self._state in WAITING or self._state is State.CLOSED:
            return events
        data, self._backlog = self._backlog, b""
        events += self._read(data)
        return events

    def _take_all(self, read: Sequence[ReaderEvent]) -> list[ServerEvent]:
        events: list[ServerEvent] = []
        for event in read:
            self._take(event, events)
        return events

    def _take(self, event: ReaderEvent, events: list[ServerEvent]) -> None:
        if self._state is State.CLOSED:
            return
        if isinstance(event, Violation):
            self._end(event.condition, event.text, events)
            return
        done = action(self._state, classify(event))
        handler = _HANDLERS.get(done)
        if handler is None:
            self._end(done.value, "", events)
        else:
            handler(self, event, events)

    # --- actions: one for each of `states.Action` that is not a refusal ---------------------------------------------

    def _open(self, header: StreamOpened, events: list[ServerEvent]) -> None:
        asked = header.attributes
        wrong = opening.wrong_header(header, self._config.domain)
        sender = opening.bare_or_nobody(asked.get("from", ""))
        # RFC 6120 §4.7.1: after SASL `from` can only be who was authenticated.
        if not wrong and self._authenticated and "from" in asked and sender != self._jid:
            wrong = "invalid-from"
        self._write_header(to=sender)
        if wrong:
            self._end(wrong, "", events)
            return
        self._state = State.BINDING if self._authenticated else State.NEGOTIATING
        self._out.append(opening.features(self._config, secure=self._secure, authenticated=self._authenticated))

    def _proceed(self, _: Nonza, events: list[ServerEvent]) -> None:
        if self._secure or not self._config.tls_available:
            self._refuse_starttls(_, events)
            return
        self._out.append(written.PROCEED)
        self._state = State.TLS
        events.append(StartTls())

    def _refuse_starttls(self, _: Nonza, events: list[ServerEvent]) -> None:
        # RFC 6120 §5.4.2.2: <failure/>, then the stream is closed without a stream error.
        self._out.append(written.TLS_FAILURE)
        self._end("", "", events)

    def _begin_sasl(self, auth: Nonza, events: list[ServerEvent]) -> None:
        self._dialogue = dialogue = Dialogue(self._config.domain, self._new_nonce)
        mechanism = auth.attributes.get("mechanism", "")
        try:
            # RFC 6120 §6.5.4
            if not self._secure and self._config.tls_required:
                raise SASLError("encryption-required")
            self._step(dialogue.begin(mechanism, auth.text(), self._config.mechanisms), events)
        except SASLError as error:
            self._sasl_failed(error.condition, events)

    def _continue_sasl(self, response: Nonza, events: list[ServerEvent]) -> None:
        try:
            self._step(self._dialogue.respond(response.text()), events)
        except SASLError as error:
            self._sasl_failed(error.condition, events)

    def _abort_sasl(self, _: Nonza, events: list[ServerEvent]) -> None:
        # RFC 6120 §6.5.1
        self._sasl_failed("aborted", events)

    def _sasl_out_of_turn(self, _: Nonza, events: list[ServerEvent]) -> None:
        self._sasl_failed("malformed-request", events)

    def _step(self, step: Step, events: list[ServerEvent]) -> None:
        match step:
            case Challenge(payload):
                self._out.append(sasl.encode("challenge", payload))
                self._state = State.CHALLENGED
            case CredentialsWanted():
                self._state = State.CREDENTIALS
                events.append(step)
            case PlainWanted():
                self._state = State.PASSWORD
                events.append(step)
            case Success(payload):
                self._out.append(sasl.encode("success", payload))
                # RFC 6120 §6.4.6: a new stream, on which the peer is known.
                self._authenticated = True
                self._jid = f"{self._dialogue.username}@{self._config.domain}"
                self._reader.allow(self._config.after)
                self._restart(discard=False)
                self._set_deadline()
                events.append(Authenticated(self._dialogue.username, self._dialogue.mechanism))
            case _:
                assert_never(step)

    def _sasl_failed(self, condition: str, events: list[ServerEvent]) -> None:
        self._out.append(sasl.failure(condition))
        self._state = State.NEGOTIATING
        events.append(AuthenticationFailed(condition, self._dialogue.mechanism))
        # A failure of ours is no attempt of theirs.
        self._failures += condition != "temporary-auth-failure"
        if self._failures >= self._config.sasl_failures_max:
            self._end("policy-violation", "too many failed attempts", events)

    def _register(self, stanza: Stanza, events: list[ServerEvent]) -> None:
        if not self._config.registration or (self._config.tls_required and not self._secure):
            self._end("not-authorized", "", events)
            return
        self._state = State.REGISTERING
        events.append(RegistrationIq(stanza))

    def _bind(self, iq: Stanza, events: list[ServerEvent]) -> None:
        self._iq_id = iq.id or ""
        resource = iq.text_at(f"{ns.BIND}}}bind", f"{ns.BIND}}}resource")
        try:
            # RFC 6120 §7.7.2.1: a resource that cannot be is a bad request.
            if iq.type != "set" or not iq.id or len(iq.children) != 1:
                raise jid.JIDError("not a bind request")
            resource = jid.resource(resource) if resource else ""
        except jid.JIDError:
            self._out.append(written.iq_error(self._iq_id, "bad-request"))
            return
        self._state = State.ASSIGNING
        events.append(BindWanted(self._dialogue.username, resource))

    def _bind_again(self, iq: Stanza, events: list[ServerEvent]) -> None:
        # RFC 6120 §7.1: one resource per stream.
        events.append(Answered(written.iq_error(iq.id or "", "not-allowed")))

    def _session(self, iq: Stanza, events: list[ServerEvent]) -> None:
        events.append(Answered(written.session_result(iq.id or "")))

    def _resume_former(self, nonza: Nonza, events: list[ServerEvent]) -> None:
        if nonza.name not in self._config.nonzas:
            self._end(Action.REFUSE_UNSUPPORTED.value, "", events)
            return
        try:
            wanted = stream_management.resume(nonza.attributes)
        except stream_management.Malformed:
            self._out.append(stream_management.failed("bad-request"))
            return
        self._state = State.RESUMING
        events.append(ResumeWanted(self._dialogue.username, wanted.previd, wanted.h))

    def _refuse_management(self, nonza: Nonza, events: list[ServerEvent]) -> None:
        if nonza.name in self._config.nonzas:
            # XEP-0198 §3: before authentication or binding.
            self._out.append(stream_management.failed("unexpected-request"))
        else:
            self._end(Action.REFUSE_UNSUPPORTED.value, "", events)

    def _deliver(self, stanza: Stanza | Series, events: list[ServerEvent]) -> None:
        # RFC 6120 §8.1.2.1: a client speaks for its own full or bare JID only.
        if stanza.sender is not None and not self._is_own(stanza.sender):
            self._end("invalid-from", "", events)
            return
        events.append(stanza)

    def _is_own(self, sender: str) -> bool:
        try:
            sender = jid.normalise(sender)
        except jid.JIDError:
            return False
        return sender == self._jid or sender == jid.bare_of(self._jid)

    def _deliver_nonza(self, nonza: Nonza, events: list[ServerEvent]) -> None:
        if nonza.name in self._config.nonzas:
            events.append(nonza)
        else:
            self._end(Action.REFUSE_UNSUPPORTED.value, "", events)

    def _close(self, _: StreamClosed | Nonza, events: list[ServerEvent]) -> None:
        self._end("", "", events)

    # --- streams ----------------------------------------------------------------------------------------------------

    def _write_header(self, *, to: str = "") -> None:
        self._opened = True
        self._out.append(written.header(domain=self._config.domain, id=self._new_id(), lang=self._config.lang, to=to))

    def _restart(self, *, discard: bool) -> None:
        self._reader.restart(discard=discard)
        self._opened = False
        self._state = State.HEADER

    def _end(self, condition: str, text: str, events: list[ServerEvent], detail: bytes = b"") -> None:
        # In the middle of a handshake nothing can be said.
        if self._state is not State.TLS:
            self._say_farewell(condition, text, detail)
        self._state = State.CLOSED
        self._deadline = None
        self._backlog = b""
        self._reader.close()
        events.append(Closed(condition, text))

    def _say_farewell(self, condition: str, text: str, detail: bytes) -> None:
        # RFC 6120 §4.9.1.2: an error before the header was answered comes behind a header all the same.
        if not self._opened:
            self._write_header()
        if condition:
            self._out.append(written.stream_error(condition, text, detail))
        # RFC 6120 §4.4: the closing tag is answered with ours.
        self._out.append(written.CLOSING)

    def _set_deadline(self) -> None:
        config = self._config
        limit = config.bind_seconds_max
        if config.tls_required and not self._secure:
            limit = min(limit, config.tls_seconds_max)
        self._deadline = self._started + limit

    def _waited_for(self, state: State) -> bool:
        if self._state is State.CLOSED:
            return False
        if self._state is not state:
            raise RuntimeError(f"nobody asked: {self._state}")
        return True


_HANDLERS: Final[Mapping[Action, Callable[[ServerStream, Any, list[ServerEvent]], None]]] = {
    Action.OPEN: ServerStream._open,
    Action.PROCEED: ServerStream._proceed,
    Action.REFUSE_STARTTLS: ServerStream._refuse_starttls,
    Action.BEGIN_SASL: ServerStream._begin_sasl,
    Action.CONTINUE_SASL: ServerStream._continue_sasl,
    Action.ABORT_SASL: ServerStream._abort_sasl,
    Action.SASL_OUT_OF_TURN: ServerStream._sasl_out_of_turn,
    Action.REGISTER: ServerStream._register,
    Action.BIND: ServerStream._bind,
    Action.BIND_AGAIN: ServerStream._bind_again,
    Action.SESSION: ServerStream._session,
    Action.DELIVER: ServerStream._deliver,
    Action.DELIVER_NONZA: ServerStream._deliver_nonza,
    Action.RESUME: ServerStream._resume_former,
    Action.REFUSE_MANAGEMENT: ServerStream._refuse_management,
    Action.CLOSE: ServerStream._close,
}

"""The compiled core against Python: the same of every frame, and nothing of what is not plain."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mldkit.core import core, is_off
from mldkit.link.capture import open_capture
from mldkit.model.datagram import Datagram, Decoded, Frame, LinkType
from mldkit.model.messages import Query, Report
from mldkit.testing.strategies import datagrams
from mldkit.wire.decode import read_any
from mldkit.wire.encode import encode_frame
from mldkit.wire.known_records import KnownRecords
from tests.material import shared_files

CAPTURES = sorted((Path(__file__).parents[2] / "captures").glob("*.pcapng"))
IS_PURE = core is None
needs_core = pytest.mark.skipif(IS_PURE, reason="there is no compiled core")
TAG = st.tuples(
    st.sampled_from((b"\x81\x00", b"\x88\xa8", b"\x91\x00")), st.binary(min_size=2, max_size=2)
)
VLAN_TAGS = st.lists(TAG, max_size=9)
FILES = [*CAPTURES, *shared_files("corpus/*.pcap")]


def plain(frame: Frame, known: KnownRecords | None = None) -> Decoded | None:
    assert core is not None
    return core.read_plain(frame, known or KnownRecords())


def changed(data: st.DataObject, octets: bytes) -> bytes:
    """Return a frame with tags in it, some octets changed, padded or cut."""
    tags = b"".join(kind + tag for kind, tag in data.draw(VLAN_TAGS))
    frame = bytearray(octets[:12] + tags + octets[12:])
    for _ in range(data.draw(st.integers(0, 2))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    frame += bytes(data.draw(st.integers(0, 3)))
    return bytes(frame[: data.draw(st.integers(0, len(frame)) | st.just(len(frame)))])


@needs_core
@settings(deadline=None, max_examples=300)
@given(datagrams(), st.data())
def test_the_core_says_what_python_says_or_nothing(datagram: Datagram, data: st.DataObject) -> None:
    frame = Frame(changed(data, encode_frame(datagram)), 7, 3)
    known = KnownRecords()
    known.rest = data.draw(st.integers(0, 1))

    found = plain(frame, known)

    if found is not None:
        expected = read_any(frame)
        assert found == expected
        assert repr(found) == repr(expected)


@needs_core
@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.sampled_from(LinkType))
def test_the_core_reads_no_frame_of_noise(octets: bytes, link_type: int) -> None:
    frame = Frame(octets, 0, 1, link_type)
    found = plain(frame)
    assert found is None or (link_type == LinkType.ETHERNET and found == read_any(frame))


@needs_core
@pytest.mark.parametrize(
    "path", [*CAPTURES, *shared_files("corpus/*.pcap")], ids=lambda path: path.name
)
def test_the_core_reads_captures_as_python_does(path: Path) -> None:
    known = KnownRecords()
    with open_capture(str(path)) as capture:
        for frame in capture.frames():
            found = plain(frame, known)
            assert found is None or found == read_any(frame)


@needs_core
def test_the_core_reads_nearly_all_messages_of_a_linux_host() -> None:
    """What a host and a querier send is plain: where it were not, the core would be in vain."""
    read = messages = 0
    for path in CAPTURES:
        with open_capture(str(path)) as capture:
            for frame in capture.frames():
                expected = read_any(frame)
                if isinstance(expected, Decoded) and frame.link_type == LinkType.ETHERNET:
                    message = expected.datagram.message
                    is_wanted = isinstance(message, Query | Report)
                    messages += is_wanted
                    read += is_wanted and plain(frame) is not None
    assert messages > 100
    assert read > 0.9 * messages


@needs_core
def test_records_that_come_again_are_one_object_for_both() -> None:
    """The analysis recognises what it knows by the object."""
    known = KnownRecords()
    for path in CAPTURES:
        with open_capture(str(path)) as capture:
            for frame in capture.frames():
                first, again = plain(frame, known), plain(frame, known)
                if first is not None and again is not None:
                    message, repeated = first.datagram.message, again.datagram.message
                    if isinstance(message, Report) and isinstance(repeated, Report):
                        pairs = zip(message.records, repeated.records, strict=True)
                        assert all(one is other for one, other in pairs)
    assert known.asked > len(known.by_octets) > 10


def test_the_core_is_there_where_it_can_be_built() -> None:
    """It never goes missing unnoticed: with a compiler and the headers it is built and loaded."""
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    can_be_built = bool(shutil.which("cc")) and headers.exists()
    assert not (can_be_built and IS_PURE) or is_off()

"""A server that listens on this machine only refuses requests of web pages of other sites."""

import contextlib
import http.client
import json
from collections.abc import Iterator

import pytest

from charseq.serving.local_only import is_local
from tests.support.models import cycling_model
from tests.support.serving import Served, serving


@pytest.fixture(scope="module")
def local() -> Iterator[Served]:
    with serving(cycling_model(), local_only=True) as served:
        yield served


def answer(served: Served, **headers: str) -> tuple[int, dict[str, object]]:
    """Ask for the models with these headers, and return the status and the object."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)) as connection:
        connection.request("GET", "/v1/models", headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "127.3.2.1"])
def test_requests_to_this_machine_are_answered(local: Served, host: str) -> None:
    status, answered = answer(local, host=host)
    assert (status, answered["object"]) == (200, "list")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.evil.example", "", "[", "::1::x"],
)
def test_a_page_whose_own_name_resolves_to_this_machine_is_refused(local: Served, host: str) -> None:
    status, answered = answer(local, host=host)
    assert status == 403
    error = answered["error"]
    assert isinstance(error, dict)
    assert error["code"] == "forbidden_host"


def test_a_page_of_another_site_is_refused_and_one_of_this_machine_is_not(local: Served) -> None:
    assert answer(local, host="localhost", origin="https://evil.example")[0] == 403
    assert answer(local, host="localhost", origin="null")[0] == 403
    assert answer(local, host="localhost", origin="http://localhost:3000")[0] == 200


def test_the_addresses_that_the_option_host_takes_are_told_apart() -> None:
    assert [is_local(host) for host in ("127.0.0.1", "::1", "localhost")] == [True] * 3
    assert [is_local(host) for host in ("0.0.0.0", "::", "192.0.2.1", "example.org", "127.x")] == [False] * 5

"""The page behind the links in mails: GET changes nothing, POST does it, and no text of a brand becomes a tag."""

import re
from typing import Any

import pytest

from libs.shared.domain import DomainError, Unavailable
from services.gateway.tests.world import World

TARGET: dict[str, Any] = {
    "brand_id": "b1",
    "address_id": "a1",
    "brand_name": "Léa & <Co>",
    "theme": {"background": "#101010", "text": "#fefefe", "accent": "#ffcc00", "accent_text": "#000000"},
    "language": "en",
    "opted_out": False,
}
LINK = "/mail/some.signed.token"


def known(gateway: World, **changes: Any) -> None:
    gateway.bus.answers["members.mail_link_target"] = lambda _: {**TARGET, **changes}


def refusing(gateway: World, error: Exception) -> None:
    def answer(_: dict[str, Any]) -> None:
        raise error

    gateway.bus.answers["members.mail_link_target"] = answer


async def test_a_look_at_a_link_changes_nothing(gateway: World) -> None:
    known(gateway)
    for method in ("GET", "HEAD"):
        page = await gateway.client.request(method, LINK)
        assert page.status_code == 200
    page = await gateway.client.get(LINK)
    assert "Do you want no more mails of Léa &amp; &lt;Co&gt;?" in page.text and "#ffcc00" in page.text
    assert '<form method="post" action="?"><button>No more mails</button>' in page.text
    assert gateway.bus.sent == []
    asked = {"brand": "_", "viewer": "anonymous", "token": "some.signed.token"}
    assert ("members.mail_link_target", asked) in gateway.bus.asked


async def test_the_button_of_a_mail_program_opts_out(gateway: World) -> None:
    known(gateway)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    page = await gateway.client.post(LINK, content=b"List-Unsubscribe=One-Click", headers=form)
    assert page.status_code == 200, "and no redirect (RFC 8058, section 3.1)"
    assert "You get no more mails of" in page.text
    [(name, sent)] = gateway.bus.sent
    assert name == "members.mail_address.opt_out_of_mail"
    assert {key: sent[key] for key in ("brand", "address_id", "token", "actor")} == {
        "brand": "b1", "address_id": "a1", "token": "some.signed.token", "actor": "anonymous",
    }  # fmt: skip


async def test_who_opted_out_may_think_again(gateway: World) -> None:
    known(gateway, opted_out=True, language="fr")
    page = await gateway.client.get(LINK)
    assert '<form method="post" action="?again"><button>Les recevoir à nouveau</button>' in page.text
    await gateway.client.post(f"{LINK}?again")
    assert [name for name, _ in gateway.bus.sent] == ["members.mail_address.opt_in_to_mail"]


async def test_the_page_loads_nothing_and_runs_nothing(gateway: World) -> None:
    known(gateway)
    page = await gateway.client.get(LINK)
    policy = page.headers["content-security-policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce and f'<style nonce="{nonce[1]}">' in page.text
    assert policy.startswith("default-src 'none'; ") and "form-action 'self'" in policy
    assert page.headers["cache-control"] == "no-store" and page.headers["referrer-policy"] == "no-referrer"
    assert nonce[1] not in (await gateway.client.get(LINK)).text


@pytest.mark.parametrize("code", ["INVALID_LINK", "INVALID", "NOT_FOUND"])
async def test_a_link_that_was_changed_says_so(gateway: World, code: str) -> None:
    refusing(gateway, DomainError(code, "no"))
    for method in ("GET", "POST"):
        page = await gateway.client.request(method, LINK, headers={"Accept-Language": "fr-CA"})
        assert page.status_code == 404 and "Ce lien ne fonctionne pas" in page.text
    assert gateway.bus.sent == []


async def test_nothing_that_a_service_says_gets_into_a_style(gateway: World) -> None:
    known(gateway, theme={**TARGET["theme"], "text": "red}body{display:none"})
    page = await gateway.client.get(LINK)
    assert "display" not in page.text


async def test_a_service_that_is_away_is_said_with_a_code(gateway: World) -> None:
    refusing(gateway, Unavailable("away"))
    answer = await gateway.client.get(LINK)
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    known(gateway)
    gateway.bus.refuse = Unavailable("away")
    assert (await gateway.client.post(LINK)).status_code == 503


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_refused(gateway: World, method: str) -> None:
    assert (await gateway.client.request(method, LINK)).status_code == 405

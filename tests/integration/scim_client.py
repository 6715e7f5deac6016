"""A brand with a directory, and its SCIM service as the directory's program calls it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from libs.shared.ids import uuid7
from libs.shared.testing.platform import Platform
from tests.integration.community import Community, api_key, found

#: Requests as Entra and Okta document them; `{{name}}` stands for what the test knows.
REQUESTS: Final = Path(__file__).parent / "scim_requests"

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class ScimBrand:
    """A brand, and a client of its SCIM service."""

    platform: Platform
    made: Community
    http: httpx.AsyncClient

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request; header names have underscores for hyphens."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body).encode()
        response = await self.http.request(method, path, content=content, headers=given)
        assert response.status_code < 500 or response.status_code == 501, response.text
        return response

    async def done(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """Send a request that must be carried out, and return what it answers."""
        response = await self.send(method, path, body, **headers)
        assert response.status_code in {200, 201, 204}, response.text
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer

    async def refused(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str | None]:
        """Send a request that must be refused in SCIM's form; returns status and scimType."""
        response = await self.send(method, path, body, **headers)
        assert response.headers["content-type"] == "application/scim+json", response.text
        answer = response.json()
        assert answer["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"], answer
        assert answer["status"] == str(response.status_code)
        assert answer["detail"]
        return response.status_code, answer.get("scimType")

    async def user(self, alias: str | None = None, /, **attributes: Any) -> dict[str, Any]:
        """Provision somebody; `externalId` is `sub-<alias>`."""
        name = alias or f"u{uuid7()[-12:]}"
        body = {
            "schemas": [USER], "userName": f"{name}@example.org", "externalId": f"sub-{name}", "active": True,
            **attributes,
        }  # fmt: skip
        return await self.done("POST", "/Users", body)

    async def patch(self, path: str, *operations: dict[str, Any], **headers: str) -> dict[str, Any]:
        """Change a resource."""
        return await self.done("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **headers)


async def scim_brand(platform: Platform) -> ScimBrand:
    """A fresh brand with a directory; close its client."""
    made = await found(platform)
    key = await api_key(platform, made, "MEMBERS_PROVISION")
    return ScimBrand(platform, made, client(platform, made.slug, key))


def client(platform: Platform, brand: str, credentials: str | None) -> httpx.AsyncClient:
    """A client of a brand's SCIM service."""
    headers = {"Content-Type": "application/scim+json", "Accept": "application/scim+json"}
    if credentials is not None:
        headers["Authorization"] = f"Bearer {credentials}"
    return httpx.AsyncClient(base_url=f"{platform.url}/scim/v2/{brand}", headers=headers, timeout=30)

"""The token in the mail of an invitation: which brand and invitation it is for, and a secret that proves it.

The secret is derived from the identity key and the invitation's salt, so that it is stored nowhere and a mail that is
sent again has the same link; the log keeps its hash.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final, NamedTuple

from libs.shared.event_store import is_token

#: What stands before the token in a link, below where a brand is on the web.
PATH: Final = "/invitations/"


class InvitationToken(NamedTuple):
    """A token as it was sent to us; whether its secret is right is the invitation's decision, by the hash."""

    brand: str
    invitation_id: str
    secret: str

    @classmethod
    def make(cls, identity_key: bytes, brand: str, invitation_id: str, salt: str) -> "InvitationToken":
        """The token of an edition of an invitation."""
        key = hmac.digest(identity_key, b"tokens of invitations", "sha256")
        digest = hmac.digest(key, f"{brand}.{invitation_id}.{salt}".encode(), "sha256")
        return cls(brand, invitation_id, urlsafe_b64encode(digest).decode().rstrip("="))

    @classmethod
    def read(cls, text: str) -> "InvitationToken | None":
        """What a text is a token of; None for what was never one."""
        parts = text.split(".")
        return cls(*parts) if len(parts) == 3 and all(map(is_token, parts)) else None

    @property
    def text(self) -> str:
        """As it stands in a link."""
        return ".".join(self)

    @property
    def hash(self) -> str:
        """What the log keeps."""
        return hashlib.sha256(self.text.encode()).hexdigest()

"""Where on the web people meet a brand: what links for them begin with.  Pure."""


def front_door(slug: str, domain: str | None, client_url: str) -> str | None:
    """The brand's own domain, else its place in the client of the platform (`client_url`, `{brand}` is the slug).

    Without a slash at its end; None when it has neither.
    """
    if domain is not None:
        return f"https://{domain}"
    return client_url.replace("{brand}", slug).rstrip("/") or None

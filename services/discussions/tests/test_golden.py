"""Every version of every event of this stream, as the log holds it, is read for ever."""

from pathlib import Path

from libs.access.audience import Audience
from libs.access.roles import Role
from libs.shared.codec import Codec
from libs.shared.testing.golden import check_golden
from services.discussions import reaction, space, thread

CODEC = Codec(
    "discussions",
    (*space.DECIDER.events, *thread.DECIDER.events, *reaction.DECIDER.events),
    {**space.UPCASTERS, **thread.UPCASTERS},
)
FEW = Audience(roles=(Role.AMBASSADOR,), segments=("sg1",))
SAMPLES = {
    "space_created.v1": space.SpaceCreated(slug="help", name="Entraide", kind=space.SpaceKind.QUESTIONS),
    "space_created.v2": space.SpaceCreated(slug="jury", name="Jury", kind=space.SpaceKind.DISCUSSION, audience=FEW),
    "space_audience_changed.v1": space.SpaceAudienceChanged(audience=FEW),
    "post_published.v1": thread.PostPublished(space_id="s1", title="Marées", body="When is *high* tide?\n\n- Brest"),
    "reply_published.v1": thread.ReplyPublished(reply_id="r2", number=2, body="At noon", reply_to="r1"),
    "post_published.v2": thread.PostPublished(space_id="s1", title="Marées", body="At *noon*", official=True),
    "post_published.v3": thread.PostPublished(space_id="s1", title="Marées", body="At *noon*", tags=("marées", "été")),
    "post_tags_changed.v1": thread.PostTagsChanged(space_id="s1", tags=("lune", "marées"), before=("marées", "été")),
    "reply_published.v2": thread.ReplyPublished(reply_id="r2", number=2, body="At noon", official=True),
    "thread_locked.v1": thread.ThreadLocked(),
    "thread_unlocked.v1": thread.ThreadUnlocked(),
    "reaction_added.v1": reaction.ReactionAdded(target_id="r2", emoji=reaction.Emoji.THUMBS_UP),
    "reaction_removed.v1": reaction.ReactionRemoved(target_id="r2", emoji=reaction.Emoji.THUMBS_UP),
}


def test_golden_files() -> None:
    check_golden(Path(__file__).parent / "golden", CODEC, SAMPLES)

"""The words of the schema for plain fields, arguments, inputs and values; what has a resolver says its own.

A key is `Type.field`, `Type.field(argument)` or `Enum.VALUE`; `*` stands for any type or field that has no word of its
own.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from graphql import GraphQLSchema

WORDS: Final[Mapping[str, str]] = {
    # What many have
    "*.id": "Opaque; finds the object again through `node(id:)`.",
    "*.slug": "Its name in addresses: lower case, digits and hyphens, such as `summer-camp`.",
    "*.name": "Its name for people, one line.",
    "*.title": "One line, at most 200 characters.",
    "*.body": "Markdown, at most 20,000 characters.",
    "*.kind": "What it is for.",
    "*.createdAt": "When it was created.",
    "*.publishedAt": "When it was published.",
    "*.commandId": "Makes a repeat safe: the same id by the same sender is carried out once.  Example: a UUID.",
    "*.edges": "The objects of the page with their cursors.",
    "*.pageInfo": "What lies before and after the page.",
    "*.cursor": "Where the object stands: for `after` and `before`.",
    "*.node": "The object.",
    "*.*(input)": "What is to be done.",
    "*.*(slug)": "The name in its address, such as `general`.",
    "*.*(id)": "Its id, as a query gave it.",
    "*.brandId": "The brand.",
    "*.memberId": "The member.",
    "*.serviceAccountId": "The service account.",
    "*.spaceId": "The space.",
    "*.groupId": "The group of the directory.",
    "*.postId": "The post, which stands for its thread.",
    "*.eventId": "The event.",
    "*.boardId": "The board.",
    "*.ideaId": "The idea.",
    "*.emoji": "The reaction.",
    "*.mode": "How to attend.",
    "*.format": "Where it takes place.",
    "*.allDay": "Whether it has days instead of hours.",
    "*.speakers": "Names, in the order of the programme.",
    "*.recordedOn": "The day of the recording; null without one.",
    "*.durationSeconds": "How long the recording is, in seconds.",
    "*.language": "The language of the session, BCP 47.",
    "*.url": "Where it can be seen.",
    # Pages
    "PageInfo.hasNextPage": "Whether more follow.",
    "PageInfo.hasPreviousPage": "Whether others precede.",
    "PageInfo.startCursor": "The cursor of the first object; null for an empty page.",
    "PageInfo.endCursor": "The cursor of the last object; null for an empty page.",
    # Queries
    "Query.brand(consistencyToken)": "Read no less than what the mutation changed that answered this token.",
    "Query.nodes(ids)": "At most 100 ids, as queries gave them.",
    "Subscription.brandActivity(brandSlug)": "The brand's name in its address.",
    # One's own data
    "Me.export(brandSlug)": "The brand's name in its address.",
    "Me.export(after)": "The `next` of the page before; nothing for the first page.",
    "Me.erasure(brandSlug)": "The brand's name in its address.",
    "Export.items": "What is held, in no particular order.",
    "Erasure.requestedAt": "When the sender asked for it.",
    "Erasure.services": "Where everything readable is gone.",
    "ErasedService.service": "Its name.",
    # Networks, brands and members
    "Network.brandCount": "How many brands it has.",
    "Brand.kind": "Whom it gathers.",
    "Brand.memberCount": "How many members it has now.",
    "ConfigureDirectoryInput.subject": "What new people are recognised by when they sign in.",
    "ConfigureDirectoryInput.shownName": "What new members are called by at first.",
    "ProvisionedGroup.memberCount": "How many users of the directory are in it.",
    "Query.brandByDomain(domain)": "A host name in any spelling, such as `club.example.org`.",
    "Query.invitationOffer(token)": "The end of the link in its mail.",
    "AcceptInvitationInput.displayName": "What the sender is to be called in this brand.",
    "Query.similarBrands(networkId)": "The network that it is to belong to.",
    "Query.similarBrands(name)": "What it is to be called.",
    "Query.similarBrands(description)": "What it is to be about.",
    "Brand.charter(asOf)": "The moment; now when nothing is said.",
    "Brand.charterEditions(part)": "Which text.",
    "Brand.rulesAcceptance(memberId)": "Who: a member, also one who left.",
    "Brand.rulesAcceptance(asOf)": "The moment; now when nothing is said.",
    "Brand.posts(space)": "Only those of this space.",
    "Brand.ideas(board)": "Only those of this board.",
    "Brand.events(startsFrom)": "Only those that start then or later.",
    "Brand.events(startsBefore)": "Only those that start earlier.",
    "Brand.events(descending)": "The latest first instead of the earliest.",
    "Membership.brand": "Where the sender is a member.",
    "Member.displayName": "What the member is called in this brand.",
    "Member.roles": "What the member may do; empty for who left and for a service account.",
    "Member.joinedAt": "When the member joined, the last time.",
    "Member.leftAt": "When the member left; null for who is there.",
    "Role.OWNER": "Runs the brand: all that builders may, and gives roles.",
    "Role.BUILDER": "Shapes the brand: spaces, boards, events, service accounts.",
    "Role.MODERATOR": "Keeps order: locks threads, sets the status of ideas.",
    "Role.AMBASSADOR": "Stands for the brand; may what members may.",
    "Role.MEMBER": "Takes part: posts, replies, reacts, votes, attends.",
    "BrandKind.CUSTOMERS": "Customers of a product or service.",
    "BrandKind.STAFF": "People who work for the organisation.",
    "BrandKind.PARTNERS": "Partners of the organisation.",
    "BrandKind.RESELLERS": "Who sells its products.",
    "BrandKind.FRANCHISEES": "Who runs a branch of its own under the name.",
    "BrandKind.INVESTORS": "Who has invested.",
    "BrandKind.ALUMNI": "Who was there once.",
    "BrandKind.CLUB": "Members of a club or association.",
    "BrandKind.INTEREST": "People who share an interest.",
    "BrandKind.OTHER": "Anybody else.",
    "BrandType.INTEREST": "They care for the same thing.",
    "BrandType.RELATION": "They share a situation and help each other.",
    "BrandType.TRANSACTION": "They buy, sell and compare.",
    "BrandType.VIRTUAL_WORLD": "They play, and make up a world together.",
    "Module.DISCUSSIONS": "Spaces, posts, replies and reactions.",
    "Module.EVENTS": "Events and who attends.",
    "Module.FEEDBACK": "Boards, ideas and votes.",
    "EnterStageInput.stage": "A later stage; OPEN for a brand that is archived.",
    "SwitchModuleInput.module": "Which part.",
    "SwitchModuleInput.on": "Whether it is in use from now on.",
    "CharterPart.MANIFESTO": "What the brand is for and what it values.",
    "CharterPart.RULES": "What everybody accepts who joins.",
    "CharterText.part": "Which text it is.",
    "RulesAcceptance.acceptedAt": "When that was; null before any.",
    "Theme.background": "What everything stands on.",
    "DesignHomeInput.background": "What everything stands on.",
    "DesignHomeInput.text": "For text on the background: a contrast of 4.5.",
    "DesignHomeInput.accent": "For buttons and links on the background: a contrast of 3.",
    "DesignHomeInput.accentText": "For text on the accent: a contrast of 4.5.",
    "SetDomainInput.domain": "A host name such as `club.example.org`; null to leave the one that it has.",
    "CreateBrandInput.networkId": "The network that it belongs to.",
    "CreateBrandInput.kind": "Whom it is to gather.",
    "CreateBrandInput.locale": "Its main language, BCP 47, such as `fr` or `en-GB`.",
    "JoinBrandInput.displayName": "What the sender wants to be called in this brand.",
    "ChangeProfileInput.displayName": "The new name; null leaves it as it is.",
    "ChangeProfileInput.bio": "The new words, Markdown of at most 2,000 characters; null leaves them as they are.",
    "MemberRoleInput.role": "The role to give or take.",
    # Journeys
    "Brand.memberJourney(memberId)": "Who: a member, also one who left.",
    "JourneyStepKind.ACCEPT_RULES": "Accept the rules of the brand.",
    "JourneyStepKind.COMPLETE_PROFILE": "Complete one's profile.",
    "JourneyStepKind.INTRODUCE": "Publish a post, in the step's space if it has one.",
    "JourneyStepKind.REPLY": "Reply under somebody else's post.",
    "JourneyStepKind.RSVP": "Ask for a seat at an event.",
    "JourneyStepKind.ATTEND": "Be checked in at an event.",
    "JourneyStepKind.IDEA": "Submit an idea, or vote for one.",
    "JourneyStepKind.CUSTOM": "Anything else; the member or a leader says that it is done.",
    "StepCompleter.MEMBER": "The member, or an owner or builder for them.",
    "StepCompleter.LEADER": "An owner or builder.",
    "JourneyState.UNDER_WAY": "Steps are left.",
    "JourneyState.PAUSED": "The member has left, or is suspended or banned; when they are back it goes on.",
    "JourneyState.FINISHED": "Every step is done or skipped.",
    "JourneyStepInput.kind": "What completes it.",
    # Recognition
    "Brand.leaderboard(window)": "Which window.",
    "Brand.leaderboard(day)": "A day in the window (UTC); today when nothing is said.",
    "Brand.viewerStanding(window)": "Which window.",
    "Brand.viewerStanding(day)": "A day in the window (UTC); today when nothing is said.",
    "Member.scoreEntries(fact)": "Only facts of this kind.",
    "Member.scoreEntries(through)": "Only the first ones, up to this number.",
    # Service accounts
    "CreateServiceAccountInput.name": "What members see under what it writes.",
    "CreateServiceAccountInput.scopes": "What it may do; at least one.",
    "RevokeApiKeyInput.keyId": "`keyId` of the key: what stands between its first two underscores.",
    "ServiceAccountScope.MEMBERS_READ": "See who is in the brand.",
    "ServiceAccountScope.MEMBERS_PROVISION": "Keep the members as a directory has them, by SCIM; owners only give it.",
    "ServiceAccountScope.DISCUSSIONS_READ": "Read spaces, posts and replies.",
    "ServiceAccountScope.DISCUSSIONS_WRITE": "Also post, reply and react.",
    "ServiceAccountScope.DISCUSSIONS_MANAGE": "Also open spaces and lock threads.",
    "ServiceAccountScope.EVENTS_READ": "See events and who attends.",
    "ServiceAccountScope.EVENTS_WRITE": "Also answer invitations.",
    "ServiceAccountScope.EVENTS_MANAGE": "Also schedule and cancel events, and check people in.",
    "ServiceAccountScope.FEEDBACK_READ": "Read boards, ideas and votes.",
    "ServiceAccountScope.FEEDBACK_WRITE": "Also submit ideas and vote.",
    "ServiceAccountScope.FEEDBACK_MANAGE": "Also open boards and set the status of ideas.",
    # Segments
    "*.segmentId": "The segment.",
    "Brand.segmentPreview(rule)": "The rule to try.",
    "Brand.segmentsOfMember(memberId)": "Who.",
    "DidInput.act": "What.",
    "MemberAct.POSTED": "Published a post.",
    "MemberAct.REPLIED": "Published a reply.",
    "MemberAct.REACTED": "Reacted to a post or reply.",
    "MemberAct.SUBMITTED_IDEA": "Submitted an idea.",
    "MemberAct.VOTED": "Voted for an idea.",
    "MemberAct.CHECKED_IN": "Came to an event.",
    # Discussions
    "Space.postCount": "How many posts stand in it.",
    "Post.lastActivityAt": "When the post or its last reply was published.",
    "Post.replyCount": "How many replies it has.",
    "Reaction.emoji": "Which reaction.",
    "Reaction.count": "How many members reacted so.",
    "Reaction.viewerReacted": "Whether the sender is one of them.",
    "PublishReplyInput.replyToId": "The reply of the same thread that it answers.",
    "ReactionInput.targetId": "The post or reply.",
    "SpaceKind.DISCUSSION": "Talk of any kind.",
    "SpaceKind.QUESTIONS": "Questions, and answers to them.",
    "SpaceKind.BROADCAST": "News by owners and builders; all others reply.",
    "SpaceKind.RESOURCES": "What is worth keeping.",
    "Emoji.THUMBS_UP": "👍",
    "Emoji.THUMBS_DOWN": "👎",
    "Emoji.HEART": "❤️",
    "Emoji.LAUGH": "😄",
    "Emoji.HOORAY": "🎉",
    "Emoji.CLAP": "👏",
    "Emoji.ROCKET": "🚀",
    "Emoji.FIRE": "🔥",
    "Emoji.EYES": "👀",
    "Emoji.THINKING": "🤔",
    "Emoji.IDEA": "💡",
    "Emoji.SAD": "😢",
    # Events
    "Event.startsAt": "When it starts.",
    "Event.endsAt": "When it ends.",
    "Event.scheduledAt": "When it was put on the calendar.",
    "Event.cancelledAt": "When it was cancelled; null for one that takes place.",
    "Event.goingInPerson": "Confirmed guests on site.",
    "Event.goingOnline": "Confirmed guests online.",
    "Event.waitlistedInPerson": "Who waits for a seat on site.",
    "Event.waitlistedOnline": "Who waits for a place online.",
    "Event.checkedInCount": "How many guests have come.",
    "Event.sessionCount": "How many sessions the programme has.",
    "Event.attendees(status)": "Only those with this status.",
    "EventFormat.IN_PERSON": "At a place.",
    "EventFormat.ONLINE": "Online only.",
    "EventFormat.HYBRID": "At a place and online.",
    "AttendanceMode.IN_PERSON": "On site.",
    "AttendanceMode.ONLINE": "Online.",
    "RsvpStatus.CONFIRMED": "Has a seat.",
    "RsvpStatus.WAITLISTED": "Gets a seat when one becomes free.",
    "Attendee.status": "Whether there is a seat.",
    "Attendee.askedAt": "When the member asked for a seat.",
    "Attendee.checkedInAt": "When the member came; null before that.",
    "ScheduleEventInput.description": "Markdown.",
    "ScheduleEventInput.inPersonSeats": "Seats on site; null for as many as come.",
    "ScheduleEventInput.onlineSeats": "Places online; null for as many as come.",
    "ScheduleEventInput.sessions": "The programme, in its order.",
    "CheckInInput.memberId": "The guest, when somebody else checks them in; null for the sender.",
    # Feedback
    "Board.openedAt": "When it was opened.",
    "Board.ideaCount": "How many ideas stand on it.",
    "BoardKind.PRODUCT": "About a product.",
    "BoardKind.COMMUNITY": "About the community itself.",
    "Idea.status": "What became of it so far.",
    "Idea.statusChangedAt": "When the status last changed; null while it has its first one.",
    "Idea.submittedAt": "When it was submitted.",
    "Idea.voteCount": "How many members voted for it.",
    "Voter.votedAt": "When the member voted.",
    "ChangeIdeaStatusInput.status": "The new status.",
    "ChangeIdeaStatusInput.note": "Why, for everybody to read.",
    # Notifications
    "Subscription.viewerNotified(brandSlug)": "The brand's name in its address.",
    "Brand.viewerFollows(muted)": "What is muted instead of what is followed.",
    "Notification.kind": "What happened.",
    "Notification.unread": "Whether the sender has not read it.",
    "Notification.since": "When the first of it happened.",
    "Notification.happenedAt": "When the last of it happened.",
    "FollowedThing.since": "When the sender said so.",
    "NotificationChoices.kinds": "What holds for each kind.",
    "NotificationDefaults.kinds": "What holds for each kind.",
    "NotificationChoice.inbox": "Whether it comes into the inbox.",
    "NotificationChoice.mail": "When e-mail comes.",
    "FollowState.NOTHING": "Not told of it.",
    "FollowState.TAKES_PART": "Told, for having written, asked for a seat or voted.",
    "FollowState.FOLLOWED": "Told, for having asked for it.",
    "FollowState.MUTED": "Never told of it.",
    "NotificationKind.REPLY": "Replies in a thread that is followed.",
    "NotificationKind.POST_BY_PERSON": "Posts by a member who is followed.",
    "NotificationKind.POST_IN_SPACE": "Posts in a space that is followed.",
    "NotificationKind.REACTION": "Reactions to something of one's own.",
    "NotificationKind.RSVP_PROMOTED": "A seat, after waiting for it.",
    "NotificationKind.EVENT_CANCELLED": "An event that does not take place.",
    "NotificationKind.IDEA_SUBMITTED": "Ideas on a board that is followed.",
    "NotificationKind.IDEA_STATUS": "How far an idea has come that one proposed, voted for or follows.",
    "NotificationKind.ROLE_GRANTED": "A role in the brand.",
    "NotificationKind.BADGE_AWARDED": "A badge.",
    "NotificationKind.SPOTLIGHT": "Words of a leader about the sender, for all to see.",
    "NotificationKind.JOURNEY_STEP": "A step of the sender's journey that is due.",
    "NotificationKind.NUDGE": "An invitation to say something again.",
    "NotificationKind.NEWS": "What was talked about most; in digests only.",
    "NotificationMail.NOW": "For each notification, once until it is read.",
    "NotificationMail.DAILY": "In the digest of the day.",
    "NotificationMail.WEEKLY": "In the digest of the week.",
    "NotificationMail.OFF": "Never.",
    "IdeaStatus.SUBMITTED": "New.",
    "IdeaStatus.UNDER_REVIEW": "Somebody looks into it.",
    "IdeaStatus.PLANNED": "It will be done.",
    "IdeaStatus.IN_PROGRESS": "It is being done.",
    "IdeaStatus.SHIPPED": "It is there.",
    "IdeaStatus.DECLINED": "It will not be done.",
}


def describe(schema: GraphQLSchema, types: Mapping[str, type]) -> set[str]:
    """Give everything that has no description its word, and types their docstring; returns the words that were used.

    `types` are the classes behind the schema's types, by name.
    """
    used = set()
    for kind in schema.type_map.values():
        if not kind.name.startswith("__") and not kind.description and kind.name in types:
            kind.description = types[kind.name].__doc__
    for path, described in plain(schema):
        word = next((key for key in _keys(path) if key in WORDS), None)
        if word is not None and not described.description:
            described.description = WORDS[word]
            used.add(word)
    return used


def plain(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    """Every field, argument, input field and enum value of the schema, with its path as in `WORDS`."""
    for kind in schema.type_map.values():
        if kind.name.startswith("__"):
            continue
        for name, value in (getattr(kind, "values", None) or {}).items():
            yield f"{kind.name}.{name}", value
        for name, field in (getattr(kind, "fields", None) or {}).items():
            yield f"{kind.name}.{name}", field
            for argument, given in (getattr(field, "args", None) or {}).items():
                yield f"{kind.name}.{name}({argument})", given


def _keys(path: str) -> tuple[str, ...]:
    """A path, and the wider ones that stand for it."""
    rest = path.partition(".")[2]
    name, bracket, argument = rest.partition("(")
    if bracket:
        return (path, f"*.{rest}", f"*.*({argument}")
    return (path, f"*.{name}")

"""What accounts may post, asked of their platform before what is planned for them is judged.

These stand before `db` in a signature: no transaction waits for the platform.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from stakazo.api.deps import CurrentActor, Here
from stakazo.api.posts import PublicationsIn
from stakazo.publishing import allowances, service


async def _wanted(here: Here, actor: CurrentActor, wanted: PublicationsIn) -> PublicationsIn:
    """The body, when the platforms have said what its channels may post."""
    await allowances.refresh(here.db, here.settings, here.keys, actor, wanted.channel_ids)
    return wanted


Wanted = Annotated[PublicationsIn, Depends(_wanted)]
"""The body of a request for publications."""


async def _judged(here: Here, actor: CurrentActor, publication_id: UUID) -> UUID:
    """The id of a publication, when its platform has said what its channel may post. Raises NotFound."""
    async with here.db.transaction(actor) as session:
        channel_id = (await service.get(session, publication_id)).channel_id
    if channel_id is not None:
        await allowances.refresh(here.db, here.settings, here.keys, actor, [channel_id])
    return publication_id


Judged = Annotated[UUID, Depends(_judged)]
"""The id of a publication that is judged once more."""

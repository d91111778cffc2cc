"""What may become of a publication: decided from the platform's word and our own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stakazo.platforms.base import Stage, Status
from stakazo.platforms.errors import Reason
from stakazo.publishing import states
from stakazo.publishing.states import Act, Approval, Known
from stakazo.publishing.states import PublicationState as S

FRESH = Known(acted=False, uploaded=False, refused=False, doubted=False, begins=1, seconds=1.0)
ACTED = replace(FRESH, acted=True, uploaded=True)


@pytest.mark.parametrize(
    ("known", "status", "act", "state"),
    [
        (FRESH, Status(Stage.UPLOADING), Act.UPLOAD, S.BEGUN),
        (replace(FRESH, uploaded=True), Status(Stage.UPLOADING), Act.FINISH, S.PUBLISHING),
        (FRESH, Status(Stage.PROCESSING), Act.WAIT, S.PROCESSING),
        (FRESH, Status(Stage.READY), Act.FINISH, S.PUBLISHING),
        (ACTED, Status(Stage.READY), Act.FINISH, S.PUBLISHING),
        (replace(ACTED, refused=True), Status(Stage.READY), Act.FAIL, S.FAILED),
        (replace(ACTED, refused=True, doubted=True), Status(Stage.READY), Act.ASK, S.NEEDS_HUMAN),
        (ACTED, Status(Stage.SENT), Act.WAIT, S.PUBLISHING),
        (ACTED, Status(Stage.PROCESSING), Act.WAIT, S.PUBLISHING),
        (ACTED, Status(Stage.PUBLISHED, post_id="p"), Act.DONE, S.PUBLISHED),
        (replace(ACTED, refused=True), Status(Stage.PUBLISHED), Act.DONE, S.PUBLISHED),
        (FRESH, Status(Stage.INBOX), Act.ASK, S.NEEDS_HUMAN),
        (FRESH, Status(Stage.FAILED, reason=Reason.PROCESSING), Act.BEGIN, S.BEGUN),
        (replace(FRESH, begins=3), Status(Stage.FAILED, reason=Reason.PROCESSING), Act.FAIL, S.FAILED),
        (FRESH, Status(Stage.FAILED, reason=Reason.MEDIA), Act.FAIL, S.FAILED),
        (FRESH, Status(Stage.FAILED, reason=Reason.GONE), Act.BEGIN, S.BEGUN),
        (ACTED, Status(Stage.FAILED, reason=Reason.GONE), Act.ASK, S.NEEDS_HUMAN),
        (replace(FRESH, seconds=1e6), Status(Stage.PROCESSING), Act.FAIL, S.FAILED),
        (replace(ACTED, seconds=1e6), Status(Stage.SENT), Act.ASK, S.NEEDS_HUMAN),
    ],
)
def test_what_follows(known: Known, status: Status, act: Act, state: S) -> None:
    following = states.after(known, status)
    assert (following.act, following.state) == (act, state)
    assert (following.trouble is not None) == (act is Act.ASK or (act is Act.FAIL and not known.refused))


KNOWN = st.builds(
    Known, acted=st.booleans(), uploaded=st.booleans(), refused=st.booleans(), doubted=st.booleans(),
    begins=st.integers(0, 9), seconds=st.floats(0, 1e6),
)  # fmt: skip
STATUS = st.builds(Status, stage=st.sampled_from(Stage), reason=st.sampled_from([None, *Reason]))


@given(KNOWN, STATUS)
def test_what_may_be_public_is_never_begun_anew_unless_the_platform_says_that_it_never_will_be(
    known: Known, status: Status
) -> None:
    following = states.after(known, status)
    if following.act is Act.BEGIN:
        assert status.stage is Stage.FAILED
        assert not (known.acted and status.reason is Reason.GONE)
    if following.act is Act.FINISH:
        assert status.stage in {Stage.READY, Stage.UPLOADING}
    if following.act is Act.ASK:
        assert following.trouble is not None
        assert following.trouble.todo
    if status.stage is Stage.PUBLISHED:
        assert following.act is Act.DONE


def test_states_that_can_be_called_off_are_those_that_nobody_can_have_seen() -> None:
    assert S.PUBLISHING not in states.CANCELLABLE
    assert S.PUBLISHED not in states.CANCELLABLE
    assert states.EDITABLE < states.CANCELLABLE
    assert not states.OVER & states.OPEN


def test_who_may_approve() -> None:
    assert states.first_state(Approval.NONE, draft=False) is S.SCHEDULED
    assert states.first_state(Approval.ANYONE, draft=False) is S.AWAITING_APPROVAL
    assert states.first_state(Approval.NONE, draft=True) is S.DRAFT
    assert states.why_not_approve(Approval.ANYONE, "user/a", "user/a") is None
    assert states.why_not_approve(Approval.ANOTHER, "user/a", "user/b") is None
    assert "else" in (states.why_not_approve(Approval.ANOTHER, "user/a", "user/a") or "")
    assert "sign in" in (states.why_not_approve(Approval.ANOTHER, "user/a", "api_key/b") or "")


def test_looks_become_rarer_up_to_what_the_platform_says() -> None:
    assert [states.pause(looks, 5.0) for looks in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]

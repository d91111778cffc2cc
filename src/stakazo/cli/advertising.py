"""`stakazo campaigns`: make, let run, stop. What only asks is in `reaching.py`; what they do in `spending.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stakazo.ads.states import CampaignState
from stakazo.cli import wishes
from stakazo.cli.options import AsJson, Server
from stakazo.platforms.ads import Goal, Objective

campaigns = typer.Typer(
    help="Campaigns: make them paused, let them run, stop them; what may be spent.", no_args_is_help=True,
    rich_markup_mode="rich", add_completion=False,
)  # fmt: skip

AdAccount = Annotated[
    str | None, typer.Option("--account", help="The ad account's name or id, where there are several.")
]
RulesFile = Annotated[
    Path | None,
    typer.Argument(
        help="A JSON list of rules, as PUT /ads/rules takes them.", exists=True, dir_okay=False, show_default=False
    ),
]
Id = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its id, or its last few letters.", show_default=False)]


@campaigns.command("connect")
def connect(  # noqa: PLR0917 - one argument per option
    account: Annotated[
        str | None, typer.Option(help="The ad account's id at Meta; its token is read from STAKAZO_TOKEN.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Meta says it; where you do too, it must be the same.")] = None,
    time_zone: Annotated[str | None, typer.Option("--zone", help="Likewise: Europe/Berlin.")] = None,
    page: Annotated[str | None, typer.Option(help="The id of the Page in whose name it advertises.")] = None,
    instagram: Annotated[str | None, typer.Option(help="The id of the Instagram account.")] = None,
    sign_in: Annotated[bool, typer.Option("--sign-in", help="By Meta's own page in your browser.")] = False,
    real: Annotated[bool, typer.Option("--real", help="Sign in at the real Meta, not in the sandbox.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Connect an ad account: the sandbox's, where everything can be tried, or a real one.

    A real one comes with its token, or by signing in at Meta.

    Example: stakazo campaigns connect --sign-in --real
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    said = {
        "external_id": account,
        "currency": currency,
        "time_zone": time_zone,
        "page_id": page,
        "instagram_id": instagram,
    }
    command.connect(Settings(), server, said, sign_in=sign_in or real, live=real, as_json=as_json)


@campaigns.command("limits")
def limits(  # noqa: PLR0917 - one argument per option
    currency: Annotated[str | None, typer.Argument(help="EUR, USD, ...; none shows all.", show_default=False)] = None,
    campaign: Annotated[str | None, typer.Option(help="One campaign at most, as in 100.00.")] = None,
    at_once: Annotated[str | None, typer.Option("--at-once", help="All that may still spend, together.")] = None,
    day: Annotated[str | None, typer.Option(help="All of them on one day, at worst.")] = None,
    month: Annotated[str | None, typer.Option(help="All of them in a month, at worst.")] = None,
    second_person: Annotated[
        str | None, typer.Option("--second-person", help="What may cost more is let run by another person.")
    ] = None,
    stop_loss: Annotated[
        str | None, typer.Option("--stop-loss", help="What has cost this much without one click is paused.")
    ] = None,
    step: Annotated[
        int | None, typer.Option(min=0, max=1000, help="How many percent more a budget may become at once.")
    ] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Say what may be spent in a currency, or show it. Without limits nothing is let run.

    Example: stakazo campaigns limits EUR --campaign 200 --day 100 --month 1000 --second-person 50
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    said = {
        "campaign": campaign, "at_once": at_once, "day": day, "month": month, "second_person_above": second_person,
        "stop_loss": stop_loss,
    }  # fmt: skip
    command.limits(Settings(), server, currency, said, step, as_json=as_json)


@campaigns.command("create")
def create(  # noqa: PLR0917 - one argument per option
    shown: Annotated[str, typer.Argument(metavar="VARIANT", help="A variant's or a post's id.", show_default=False)],
    total: Annotated[str, typer.Option(help="All that it may cost, as in 100.00.", show_default=False)],
    country: wishes.Country = None,
    region: wishes.Region = None,
    city: wishes.City = None,
    zip_code: wishes.Zip = None,
    around: wishes.Around = None,
    audience: wishes.Audience = None,
    without: wishes.Without = None,
    interest: wishes.Interest = None,
    language: wishes.Language = None,
    age: wishes.Age = None,
    gender: wishes.GenderOption = None,
    placement: wishes.Placement = None,
    position: wishes.Position = None,
    widen: wishes.Widen = None,
    starts: wishes.Starts = None,
    ends: wishes.Ends = None,
    daily: Annotated[str | None, typer.Option(help="At most this much a day; else the total is spread.")] = None,
    budget_on: Annotated[
        wishes.BudgetOn, typer.Option("--budget-on", help="Who holds the budget at the platform.")
    ] = wishes.BudgetOn.AD_SET,
    bid: wishes.BidOption = None,
    bid_amount: wishes.BidAmount = None,
    min_roas: wishes.MinRoas = None,
    hours: wishes.Week = None,
    name: Annotated[str, typer.Option(help="What to call it.")] = "Clip",
    objective: Annotated[Objective, typer.Option(case_sensitive=False)] = Objective.ENGAGEMENT,
    goal: Annotated[Goal, typer.Option(case_sensitive=False)] = Goal.THRUPLAY,
    pixel: Annotated[str | None, typer.Option(help="The id of the pixel that counts conversions.")] = None,
    event: Annotated[str | None, typer.Option(help="The pixel's: PURCHASE, LEAD, ...")] = None,
    link: Annotated[str | None, typer.Option(help="Where the button leads.")] = None,
    lead_form: wishes.LeadForm = None,
    utm: Annotated[list[str] | None, typer.Option(help="Added to the link, as in source=ig; may be repeated.")] = None,
    button: Annotated[str, typer.Option(help="LISTEN_NOW, WATCH_MORE, ...")] = "LEARN_MORE",
    text: Annotated[str, typer.Option(help="What is said with it.")] = "",
    enhance: wishes.Enhance = None,
    boost: Annotated[bool, typer.Option("--boost", help="The id is of a post that is out.")] = False,
    payer: Annotated[str | None, typer.Option(help="Who pays: asked for in the EU.")] = None,
    beneficiary: Annotated[str | None, typer.Option(help="Who profits, where that is another.")] = None,
    special: Annotated[
        list[wishes.Special] | None,
        typer.Option(case_sensitive=False, help="What law treats differently; may be repeated."),
    ] = None,
    account: AdAccount = None,
    dry_run: wishes.DryRun = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Have a campaign made, paused: nothing is spent before it is activated.

    Example: stakazo campaigns create 019a... --total 100 --country US --ends "2026-12-10 00:00" --dry-run
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    said: dict[str, Any] = {
        "publication_id" if boost else "variant_id": shown,
        "name": name,
        "objective": objective.value,
        "goal": goal.value,
        "pixel_id": pixel,
        "event": event,
        "lead_form_id": lead_form,
        "link": link,
        "utm": wishes.pairs(utm),
        "button": button,
        "text": text,
        "enhancements": enhance or [],
        "dsa_beneficiary": beneficiary or payer,
        "dsa_payor": payer,
        "special_categories": [one.value for one in special or []],
        "budget_on": budget_on.value,
        **wishes.people(country, region, city, audience, without, interest, language, age, gender),
        **wishes.closer(zip_code, around, hours, min_roas),
        **wishes.places(placement, position, widen=widen),
        **wishes.times(starts, ends),
        "bid": bid.value if bid else None,
    }
    money = {"total_budget": total, "daily_budget": daily, "bid_amount": bid_amount}
    command.create(Settings(), server, account, said, money, dry_run=dry_run, as_json=as_json)


@campaigns.command("list")
def show_list(
    state: Annotated[
        list[CampaignState] | None, typer.Option(case_sensitive=False, help="Only in this state; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """The newest campaigns.

    Example: stakazo campaigns list --state active
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    command.show_list(Settings(), server, [one.value for one in state or []], limit, as_json=as_json)


@campaigns.command("show")
def show(campaign: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Everything about one campaign: the review's word, what went wrong, and what to do.

    Example: stakazo campaigns show 3f9a1c
    """
    _act(campaign, None, server, as_json=as_json)


@campaigns.command("activate")
def activate(campaign: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Let a campaign run: from here on it may spend.

    Example: stakazo campaigns activate 3f9a1c
    """
    _act(campaign, "activate", server, as_json=as_json)


@campaigns.command("pause")
def pause(campaign: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Stop a campaign.

    Example: stakazo campaigns pause 3f9a1c
    """
    _act(campaign, "pause", server, as_json=as_json)


@campaigns.command("change")
def change(  # noqa: PLR0917 - one argument per option
    campaign: Id,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    total: Annotated[str | None, typer.Option(help="All that it may cost, as in 100.00.")] = None,
    daily: Annotated[str | None, typer.Option(help="At most this much a day.")] = None,
    starts: wishes.Starts = None,
    ends: wishes.Ends = None,
    country: wishes.Country = None,
    region: wishes.Region = None,
    city: wishes.City = None,
    zip_code: wishes.Zip = None,
    around: wishes.Around = None,
    audience: wishes.Audience = None,
    without: wishes.Without = None,
    interest: wishes.Interest = None,
    language: wishes.Language = None,
    age: wishes.Age = None,
    gender: wishes.GenderOption = None,
    placement: wishes.Placement = None,
    position: wishes.Position = None,
    widen: wishes.Widen = None,
    bid: wishes.BidOption = None,
    bid_amount: wishes.BidAmount = None,
    min_roas: wishes.MinRoas = None,
    hours: wishes.Week = None,
    payer: Annotated[str | None, typer.Option(help="Who pays: asked for in the EU.")] = None,
    beneficiary: Annotated[str | None, typer.Option(help="Who profits: asked for in the EU.")] = None,
    drop: wishes.Drop = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Change a campaign that is paused or runs; for what it shows and aims at duplicate it.

    Example: stakazo campaigns change 3f9a1c --ends "2026-12-20 00:00" --audience "Blue Note followers" --drop interests
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    said: dict[str, Any] = {
        "name": name,
        "dsa_beneficiary": beneficiary,
        "dsa_payor": payer,
        "bid": bid.value if bid else None,
        **wishes.people(country, region, city, audience, without, interest, language, age, gender),
        **wishes.closer(zip_code, around, hours, min_roas),
        **wishes.places(placement, position, widen=widen),
        **wishes.times(starts, ends),
        **{one.value: [] for one in drop or []},
    }
    money = {"total_budget": total, "daily_budget": daily, "bid_amount": bid_amount}
    command.change(Settings(), server, campaign, said, money, as_json=as_json)


@campaigns.command("duplicate")
def duplicate(campaign: Id, dry_run: wishes.DryRun = False, server: Server = None, as_json: AsJson = False) -> None:
    """Have another campaign like this one made, paused; it is checked like a new one.

    Example: stakazo campaigns duplicate 3f9a1c --dry-run
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    command.duplicate(Settings(), server, campaign, dry_run=dry_run, as_json=as_json)


@campaigns.command("archive")
def archive(campaign: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Stop a campaign and put it away for good.

    Example: stakazo campaigns archive 3f9a1c
    """
    _act(campaign, "archive", server, as_json=as_json)


@campaigns.command("retry")
def retry(campaign: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Go on with a launch that failed; what was made is not made again.

    Example: stakazo campaigns retry 3f9a1c
    """
    _act(campaign, "retry", server, as_json=as_json)


@campaigns.command("rules")
def rules(
    file: RulesFile = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """By which rules campaigns are paused, scaled, revived and put away; with a file they are these from now on.

    Example: stakazo campaigns rules rules.json
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    command.rules(Settings(), server, file, as_json=as_json)


@campaigns.command("simulate")
def simulate(campaign: Id, file: RulesFile = None, server: Server = None, as_json: AsJson = False) -> None:
    """What rules would have done, day by day, with what a campaign has brought; of a file, or the workspace's own.

    Example: stakazo campaigns simulate 3f9a1c rules.json
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    command.simulate(Settings(), server, campaign, file, as_json=as_json)


@campaigns.command("undo")
def undo(campaign: Id, server: Server = None, as_json: AsJson = False) -> None:
    """Take back what a rule has decided last; no rule touches the campaign for a week then.

    Example: stakazo campaigns undo 3f9a1c
    """
    _act(campaign, "undo", server, as_json=as_json)


@campaigns.command("stop")
def stop(
    release: Annotated[bool, typer.Option("--release", help="Let money flow again.")] = False, server: Server = None
) -> None:
    """Stop everything that spends, at once.

    Example: stakazo campaigns stop
    """
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    command.stop(Settings(), server, release=release)


def _act(campaign: str, verb: str | None, server: str | None, *, as_json: bool) -> None:
    from stakazo.cli import spending as command
    from stakazo.core.settings import Settings

    command.act(Settings(), server, campaign, verb, as_json=as_json)

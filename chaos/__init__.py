"""What Stakazo survives, tried: processes killed and frozen, a database stopped, disks full, lines cut, clocks wrong.

    python -m chaos                 the long form; writes chaos/report.md
    python -m chaos --short         a minute of it
    python -m chaos.world           posts and campaigns by the hundred meanwhile; writes chaos/world.md

Nothing here is simulated but the faults: the installation under test is the product's own API, workers and embedded
PostgreSQL, as processes of their own. What it counts is counted from outside: by the people who asked, by a platform
that Stakazo calls, in the database and in the ledger.
"""

"""The platforms outside: one vocabulary (`base`), one tree of errors (`errors`), one file each.

    connection = Connection(http, sandbox=hosts.sandbox("http://127.0.0.1:8480"))
    publisher = publishers.of(connection, Account(Platform.INSTAGRAM, id, token))

A library: no database, no settings. An account that isn't `live` reaches the sandbox and nothing else. Who only speaks
of platforms, as pure files do, loads nothing that speaks to them.
"""

"""One file with everything that must survive, and an installation made of such a file.

taking      rows of one snapshot, the files that they name, the keys -> archive
restoring   archive -> an empty installation, and whether it is what was backed up

archive     the file: a ZIP whose last entry says what each of the others must be
manifest    what that entry says
sealing     the same file under a passphrase
tables      rows out of one snapshot, and into empty tables
"""

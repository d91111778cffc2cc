"""The sandbox: one server that plays Meta, TikTok and YouTube over real HTTP, with their delays, limits and faults.

It ships with the product, and is the platform of every account until a person switches it to live. It shares no code
with the clients (an import contract holds it to that), so it can't repeat their mistakes; Meta's own SDK is tested
against it, and it checks what it is asked against Meta's own contract.
"""

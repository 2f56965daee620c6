"""Tells how the answers of an `api-fuzz` were spread, and fails if an operation that was asked was never answered with more than a refusal:
then nothing behind its doors was tried at all.
"""

import json
import sys

# Those that cannot be answered so here, and why.
EXCUSED = {"GET /v1/link": "only the handshake of a WebSocket is accepted, with 101"}
# Questions of which one should have been answered.
ENOUGH = 10


def main():
    with open(sys.argv[1]) as file:
        tally = json.load(file)
    refused = []
    for operation, statuses in sorted(tally.items(), key=lambda item: item[0].split(" ")[::-1]):
        total = sum(statuses.values())
        good = sum(count for status, count in statuses.items() if status[0] in "23")
        spread = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        print(f"{good / total:5.0%} of {total:4}  {operation:52} {spread}")
        if good == 0 and total >= ENOUGH and operation not in EXCUSED:
            refused.append(operation)
    asked = sum(sum(statuses.values()) for statuses in tally.values())
    print(f"{len(tally)} operations, {asked} answers")
    for operation in refused:
        print(f"{operation} was never answered with more than a refusal. Give it in api_fuzz_hooks.py what it needs.")
    return 1 if refused else 0


sys.exit(main())

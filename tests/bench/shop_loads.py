"""P5b: the first load of the second bridge, all clients of Factusol into an empty Clientify."""

from __future__ import annotations

import aiohttp

from tests.bench.changes import VendorWatch
from tests.bench.figures import Findings
from tests.bench.installation import add_workspace, installed, postpone_sweeps
from tests.bench.latency import start_load
from tests.bench.loads import loaded, report
from tests.bench.servers import SOON, Servers, free_port
from tests.bench.settings import Effort

_SHOP = "shop"
# A page of 500 clients is a list, and a count that proves its end; a contact is one call.
_CALLS = 1.1


async def load_of_the_shop(servers: Servers, effort: Effort, findings: Findings) -> None:
    count = effort.load
    with servers.processes() as started:
        async with servers.database() as store, aiohttp.ClientSession() as http:
            port = free_port()
            vendor = started.beside("-m", "tests.bench.shop_vendor", str(port), str(count), name="vendor")
            url = f"http://127.0.0.1:{port}"
            await vendor.answers(f"{url}/counts", within=SOON)
            topic = await servers.topic()
            async with installed(
                started.folder, log_url=topic, store_url=store, workspaces=[], vendor_url=url
            ) as here:
                accounts = {
                    "factusol": (f"{url}/factusol", "990:31007:FS001:secret"),
                    "clientify": (f"{url}/clientify", "key"),
                }
                await add_workspace(here.parts, _SHOP, accounts)
                await postpone_sweeps(here.parts)
                await start_load(here, _SHOP)
                found = await loaded(started, here, VendorWatch(url, http), count)
    report(findings, found, "P5b", calls=_CALLS)

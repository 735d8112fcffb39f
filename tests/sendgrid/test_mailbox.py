"""The mailbox as a browser is served it."""

import asyncio

from aiohttp import web

from tests.sendgrid.client import Client, mail, running

EVIL = "</title><script>alert(1)</script>"


async def page(client: Client, path: str, status: int = 200) -> str:
    async with client.session.get(client.host + path) as answer:
        assert answer.status == status
        assert "default-src 'none'" in answer.headers.get("Content-Security-Policy", "") or status == 404
        return await answer.text()


async def newest(client: Client) -> str:
    """The path of the newest mail's page."""
    listing = await page(client, "/mailbox")
    return listing.split('<li><a href="', 1)[1].split('"', 1)[0]


def test_the_newest_mails_are_listed_page_by_page() -> None:
    async def scenario() -> None:
        async with running() as client:
            assert "No mail yet" in await page(client, "/")
            for n in range(60):
                await client.send(mail(f"user{n}@example.com", subject=f"Picks number {n}."))
            first = await page(client, "/mailbox")
            assert first.index("user59@") < first.index("user10@")
            assert "user9@" not in first
            assert "user9@" in await page(client, "/mailbox?page=2")
            assert "no such page" in await page(client, "/mailbox?page=9")
            assert "user59@" in await page(client, "/mailbox?page=x")

    asyncio.run(scenario())


def test_mails_are_found_by_address_and_subject() -> None:
    async def scenario() -> None:
        async with running() as client:
            await client.send(mail("ada@example.com", subject="Five picks"))
            await client.send(mail("bob@example.com", subject="Six picks"))
            assert "ada@" in await page(client, "/mailbox?q=ADA@")
            assert "bob@" not in await page(client, "/mailbox?q=five")
            assert "Nothing matches" in await page(client, "/mailbox?q=%3Cb%3E")

    asyncio.run(scenario())


def test_nothing_in_a_mail_gets_out_of_its_frame() -> None:
    async def scenario() -> None:
        async with running() as client:
            parts = [{"type": "text/plain", "value": EVIL}, {"type": "text/html", "value": f'"{EVIL}'}]
            await client.send(mail(subject=EVIL, content=parts, headers={"X-Evil": EVIL}, custom_args={EVIL: EVIL}))
            for shown in (await page(client, "/mailbox"), await page(client, await newest(client))):
                assert "<script" not in shown
                assert "&lt;script&gt;" in shown
            assert '<iframe sandbox="" srcdoc="&#34;&lt;/title' in shown

    asyncio.run(scenario())


def test_a_mail_that_is_not_held_any_more_still_has_its_facts() -> None:
    async def scenario() -> None:
        async with running(keep=1) as client:
            await client.send(mail("old@example.com", "s-old"))
            path = await newest(client)
            await client.send()
            shown = await page(client, path)
            assert "not held any more" in shown
            assert "s-old" in shown
            await page(client, "/mailbox/unknown", status=404)

    asyncio.run(scenario())


def test_the_button_unsubscribes_as_a_mail_client_does() -> None:
    async def scenario() -> None:
        posted: list[str] = []

        async def take(request: web.Request) -> web.Response:
            posted.append((await request.read()).decode())
            return web.Response(status=202)

        app = web.Application()
        app.router.add_post("/u", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        link = f"http://127.0.0.1:{runner.addresses[0][1]}/u"
        try:
            async with running() as client:
                offer = {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
                await client.send(mail(headers=offer))
                path = await newest(client)
                assert f'href="{link}"' in await page(client, path)
                async with client.session.post(f"{client.host}{path}/unsubscribe") as answer:
                    assert "202 Accepted" in await answer.text()
                assert posted == ["List-Unsubscribe=One-Click"]
                await client.send(mail(headers={"List-Unsubscribe": f"<{link}>"}))
                async with client.session.post(f"{client.host}{await newest(client)}/unsubscribe") as answer:
                    assert answer.status == 404
        finally:
            await runner.cleanup()

    asyncio.run(scenario())

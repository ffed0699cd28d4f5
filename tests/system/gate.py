"""A gate before a machine's port: takes any number of connections at once, and lets them through one by
one. QEMU's user network queues a single connection; the host forgets others for seconds, each time for
longer."""

import asyncio
import threading

BLOCK = 65536


class Gate:
    """with Gate(port) as gate: gate.port leads to that port."""

    def __init__(self, behind):
        self.behind = behind
        self.port = None
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        self.ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.one_by_one = asyncio.Lock()
        server = self.loop.run_until_complete(
            asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024))
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.1))
        self.loop.close()

    async def serve(self, reader, writer):
        """The first answer says that it is through: then it is the next one's turn."""
        request = await reader.read(BLOCK)
        if not request:
            writer.close()
            return
        async with self.one_by_one:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.behind)
            far_writer.write(request)
            answer = await far_reader.read(BLOCK)
        writer.write(answer)
        await asyncio.gather(self.carry(reader, far_writer), self.carry(far_reader, writer),
                             return_exceptions=True)

    @staticmethod
    async def carry(reader, writer):
        while block := await reader.read(BLOCK):
            writer.write(block)
            await writer.drain()
        writer.close()

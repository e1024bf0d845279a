"""An IMAP client that costs little, and what it does to a server."""
import os, re, selectors, socket

BIG = 100000


class Imap:
    """One command at a time; an answer is read as fast as it comes."""

    def __init__(self, server):
        self.s = socket.create_connection(('127.0.0.1', server.imap), 120)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.s.recv(1000)
        self('LOGIN {} {}'.format(*server.account))

    def __call__(self, command, keep=False):
        """how many lines begin with an asterisk, or the whole answer"""
        self.s.sendall(f'thurnbench {command}\r\n'.encode())
        lines, tail, all = 0, b'\n', []
        while True:
            got = self.s.recv(1 << 20)
            if not got:
                raise RuntimeError(f'{command}: connection closed')
            part = tail + got
            lines += part.count(b'\n* ') - tail.count(b'\n* ')
            if keep:
                all.append(got)
            last = part[-4000:]  # longer than any tagged answer
            at = last.rfind(b'\nthurnbench ')
            if at >= 0 and part.endswith(b'\n'):
                if not last[at + 12:].startswith(b'OK'):
                    raise RuntimeError(f'{command}: {last[at + 1:].decode(errors="replace").strip()}')
                return b''.join(all) if keep else lines
            tail = last

    def close(self):
        self.s.close()


def appends(box, n):
    """n commands that append 4 KB each"""
    head = 'From: a@client.test\r\nTo: b@example.test\r\nSubject: load\r\nMessage-Id: <{:09}@client.test>\r\n\r\n'
    body = ('x' * 76 + '\r\n') * 60
    for i in range(n):
        m = (head.format(i) + body)[:4094] + '\r\n'
        yield f'thurnbench APPEND {box} {{{len(m)}+}}\r\n{m}\r\n'.encode()


def append_one_by_one(client, commands):
    s = client.s
    for c in commands:
        s.sendall(c)
        answer = s.recv(65536)
        if not answer.endswith(b'\n') or b'thurnbench OK' not in answer:
            raise RuntimeError(f'APPEND: {answer[:100]}')


def append_at_once(clients, commands):
    waiting, commands = selectors.DefaultSelector(), iter(commands)
    for c in clients:
        c.s.sendall(next(commands))
        waiting.register(c.s, selectors.EVENT_READ)
    while waiting.get_map():
        ready = waiting.select(30)
        if not ready:
            raise RuntimeError('no answer to APPEND')
        for key, _ in ready:
            answer = key.fileobj.recv(65536)
            if b'thurnbench OK' not in answer:
                if not answer or b'thurnbench ' in answer:
                    raise RuntimeError(f'APPEND: {answer[:100]}')
                continue
            more = next(commands, None)
            if more:
                key.fileobj.sendall(more)
            else:
                waiting.unregister(key.fileobj)


def count(server, box):
    """how many messages are in there"""
    c = Imap(server)
    try:
        return int(re.search(rb'\* (\d+) EXISTS', c(f'SELECT {box}', keep=True))[1])
    finally:
        c.close()


def fill_mailbox(folder, give):
    """BIG messages of 4 KB in a Maildir: a tenth of them differ, under ten names each"""
    for d in ('cur', 'new', 'tmp'):
        (folder / d).mkdir(parents=True, exist_ok=True)
    (folder / 'maildirfolder').touch()
    for i in range(BIG // 10):
        text = (f'Received: from client.test by mx.example.test; {1 + i % 28} Jan 2024 10:{i % 60:02}:00 +0000\n'
                f'From: "Sender {i % 211}" <user{i % 200}@client.test>\nTo: Bench <bench@example.test>\n'
                f'Cc: other{i % 37}@client.test\nSubject: {"Re: " if i % 3 else ""}report {i % 997}\n'
                f'Message-ID: <m{i}@client.test>\nIn-Reply-To: <m{i // 2}@client.test>\n'
                f'Date: Mon, {1 + i % 28} Jan 2024 {i % 24:02}:{i % 60:02}:00 +0000\n'
                'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n')
        text += ('words of a message ' * 4 + '\n') * ((4000 - len(text)) // 77)
        names = [f'{1704100000 + k}.M{k}P1.bench,S={len(text)},W={len(text) + text.count(chr(10))}:2,S'
                 for k in range(i, BIG, BIG // 10)]
        first = folder / 'cur' / names[0]
        first.write_text(text)
        first.chmod(0o600)
        for n in names[1:]:
            os.link(first, folder / 'cur' / n)
    give(folder)
    os.sync()

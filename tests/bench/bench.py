#!/usr/bin/python3
"""make bench: how fast and how small Thurn is, beside the Debian packages of Postfix and Dovecot.

    make bench [ARGS="--quick --runs N --tests inbound,kept,relay,smtp-idle,imap-idle,append,mailbox,start"]

Servers take turns within one run, on this machine and its disk, so ratios mean more than numbers. The table
shows medians. Peers need root and overlayfs (see servers.py); without them only Thurn is measured. All
durable: every message and APPEND is synced before its answer, by the peers as well.
"""
import argparse, collections, os, re, resource, selectors, shutil, signal, socket, statistics, subprocess, sys, time

import servers
from servers import Dovecot, Load, Postfix, Thurn, Unfit, wait_for

# test: (peer, [(metric, what the table calls it, unit, target of the ratio, target of the value)]);
# a ratio says how many times better Thurn is
FLOW = [('rate', 'messages', '/s', 3, None), ('per_cpu', 'messages per CPU-second', '', 4, None)]
IDLE = [('kb', 'memory per connection', 'kB', None, 16)]
TESTS = {
    'inbound': (Postfix, 'inbound to Maildir, 20 sessions', FLOW),
    'kept': (Postfix, 'inbound, connections kept', FLOW),
    'relay': (Postfix, 'relay to a sink, 20 sessions', FLOW),
    'smtp-idle': (Postfix, '5,000 idle SMTP connections', IDLE),
    'imap-idle': (Dovecot, '5,000 IMAP connections before login', IDLE),
    'append': (Dovecot, 'APPEND of 4 KB', [('one', '1 connection', '/s', 3, None), ('many', '20 connections', '/s', 3, None)]),
    'mailbox': (Dovecot, '100,000 messages, warm index', [
        ('select', 'SELECT, server CPU', 'ms', None, 8),
        ('fetch', 'FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE)', '/s', 2, None)]),
    'start': (None, '100,000 deferred messages', [
        ('start', 'start until all are known', 's', None, 5), ('summary', 'queue list --summary', 's', None, .5)]),
}
LOWER = {'kb', 'select', 'start', 'summary'}
BIG = 100000


class Bench:
    def __init__(self, options):
        self.o = options
        self.seconds = 1.5 if options.quick else 5
        self.scratch = servers.HOME / f'run-{os.getpid()}'
        self.scratch.mkdir(parents=True)
        # Where many files were deleted in the last minutes ext4 is slow to make new ones. This flag lets it put
        # the folders of each run and server somewhere else on the disk; other file systems do without.
        subprocess.run(['chattr', '+T', servers.HOME, self.scratch], stderr=subprocess.DEVNULL, timeout=10)
        self.results = collections.defaultdict(list)  # (test, metric, server): values
        self.notes, self.servers, self.filled = [], {}, set()
        self.load = Load(self.scratch)

    def prepare(self, tests):
        wanted = {TESTS[t][0] for t in tests} - {None}
        self.servers['thurn'] = Thurn(self.scratch, self.load.port)
        for peer in sorted(wanted, key=lambda p: p.name):
            try:
                if not servers.ROOT:
                    raise Unfit('the peers need root')
                self.servers[peer.name] = peer(self.scratch, self.load.port)
            except Unfit as e:
                self.note(f'{peer.name} is not measured: {e}')

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            print(text, flush=True)

    def add(self, test, server, **metrics):
        for k, v in metrics.items():
            self.results[test, k, server.name].append(v)
        print(f'  {test:10} {server.name:8}', *(f'{k} {shown(v)}' for k, v in metrics.items()), flush=True)

    # --- SMTP ------------------------------------------------------------------------------------

    def send(self, server, n, relay, kept):
        """(seconds, CPU seconds of the server) from the first connection to the last delivery"""
        new = server.maildir / 'new'
        count = self.load.sunk if relay else lambda: len(os.listdir(new))
        goal, cpu, began, others = count() + n, server.group.cpu(), time.monotonic(), self.others(server)
        self.load.source(server.smtp, 'somebody@remote.test' if relay else server.rcpt, n, kept)
        wait_for(f'{n} messages', 120, lambda: count() >= goal)
        took = time.monotonic() - began
        busy = (self.others(server) - others) / took
        time.sleep(.5)
        return took, server.group.cpu() - cpu, busy

    def others(self, server):
        """CPU seconds of everybody but the server and our own clients"""
        t = [int(x) for x in open('/proc/stat').readline().split()[1:9]]
        own = sum(resource.getrusage(who)[i] for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN) for i in (0, 1))
        if self.load.sink:
            f = open(f'/proc/{self.load.sink.pid}/stat').read().rsplit(')', 1)[1].split()
            own += (int(f[11]) + int(f[12])) / os.sysconf('SC_CLK_TCK')
        return (sum(t) - t[3] - t[4]) / os.sysconf('SC_CLK_TCK') - own - server.group.cpu()

    def flow(self, test, server):
        relay, kept = test == 'relay', test == 'kept'
        if relay:
            self.load.sink_start()
        server.restart('flow')
        self.send(server, 100, relay, kept)
        took, _, _ = self.send(server, 200, relay, kept)
        n = int(min(20000, max(200, 200 / took * self.seconds)))
        for _ in range(2):
            took, cpu, busy = self.send(server, n, relay, kept)
            if busy < .25:
                break
        else:
            self.note(f'{test}, {server.name}: others used {busy:.0%} of a CPU meanwhile')
        self.add(test, server, rate=n / took, per_cpu=n / cpu)

    def idle(self, test, server):
        port, greet = ('smtp', b'220') if test == 'smtp-idle' else ('imap', b'* OK')
        n = 5000
        if server.name == 'postfix':  # a process for each: what one needs is seen with fewer
            n = 200 if self.o.quick else 1000
            self.note(f'Postfix was asked to hold {n} connections only')
        server.restart(n + 100)
        held = []
        try:
            for i in range(n + 5):
                if i == 5:
                    time.sleep(.5)
                    before = servers.memory(server.group.pids())
                s = socket.create_connection(('127.0.0.1', getattr(server, port)), 20)
                held.append(s)
                s.settimeout(20)
                if not s.recv(512).startswith(greet):
                    raise RuntimeError(f'connection {i} got no greeting')
                if port == 'smtp':
                    s.sendall(b'EHLO client.test\r\n')
                    if not s.recv(2048).startswith(b'250'):
                        raise RuntimeError(f'connection {i}: EHLO was refused')
            time.sleep(1)
            self.add(test, server, kb=(servers.memory(server.group.pids()) - before) / n)
        finally:
            for s in held:
                s.close()

    # --- IMAP ------------------------------------------------------------------------------------

    def append(self, test, server):
        server.restart('imap')
        found = {}
        for metric, connections in (('one', 1), ('many', 20)):
            box = f'box{connections}'
            c = Imap(server)
            c(f'CREATE {box}')
            took = append(server, box, connections, 100)
            n = int(min(20000, max(200, 100 / took * self.seconds)))
            found[metric] = n / append(server, box, connections, n)
            if not re.search(rf'\* {n + 100} EXISTS'.encode(), c(f'SELECT {box}', keep=True)):
                raise RuntimeError('messages are missing')
            c.close()
        self.add(test, server, **found)

    def mailbox(self, test, server):
        if server.name not in self.filled:
            server.restart('imap')
            server.stop()
            fill_mailbox(self.scratch / 'messages', server.maildir / '.big')
            self.filled.add(server.name)
        server.restart('imap', fresh=False)
        fetch = 'FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE)'
        c = Imap(server)
        c('SELECT big')
        if c(fetch) != BIG:
            raise RuntimeError('messages are missing')
        c.close()
        select, rate = [], []
        for _ in range(3):
            time.sleep(.3)
            c = Imap(server)
            time.sleep(.2)
            cpu = server.group.cpu()
            c('SELECT big')
            time.sleep(.05)
            select.append((server.group.cpu() - cpu) * 1000)
            began = time.monotonic()
            if c(fetch) != BIG:
                raise RuntimeError('messages are missing')
            rate.append(BIG / (time.monotonic() - began))
            c.close()
        self.add(test, server, select=statistics.median(select), fetch=statistics.median(rate))

    # --- the queue -------------------------------------------------------------------------------

    def start(self, test, server):
        server.restart('flow')
        spool = server.scratch / 'spool'
        if 'spool' not in self.filled:
            server.stop()
            subprocess.run([servers.BUILD / 'test/bench/spoolfill', spool, str(BIG)], check=True, timeout=180)
            self.filled.add('spool')
        else:
            server.stop()
        began = time.monotonic()
        server.restart('flow', fresh=False)
        asked = []

        def known():
            asked.append(time.monotonic())
            m = re.search(r'deferred +(\d+)', server.command('queue', 'list', '--summary').stdout)
            return m and int(m[1]) >= BIG
        wait_for('queue', 60, known, .01)
        end = time.monotonic()
        self.add(test, server, start=end - began, summary=end - asked[-1])

    # --- all of it -------------------------------------------------------------------------------

    def run(self, tests):
        act = {'inbound': self.flow, 'kept': self.flow, 'relay': self.flow, 'smtp-idle': self.idle, 'imap-idle': self.idle,
               'append': self.append, 'mailbox': self.mailbox, 'start': self.start}
        broken = set()
        for k in range(self.o.runs):
            for test in tests:
                names = ['thurn'] + ([TESTS[test][0].name] if TESTS[test][0] else [])
                for name in names if k % 2 == 0 else names[::-1]:
                    server = self.servers.get(name)
                    if not server or (test, name) in broken:
                        continue
                    os.sync()
                    try:
                        act[test](test, server)
                    except (OSError, RuntimeError, subprocess.SubprocessError) as e:
                        broken.add((test, name))
                        self.note(f'{test}, {name}: failed: {e}')
                    finally:
                        try:
                            server.stop()
                        except (RuntimeError, subprocess.SubprocessError) as e:
                            self.note(f'{test}, {name}: {e}')
        return broken

    def table(self, tests):
        row = '{:<46} {:>10} {:>10} {:>8} {:>10}  {}'.format
        print('\n' + row('', 'Thurn', 'peer', 'ratio', 'to reach', ''))
        for test in tests:
            peer, title, metrics = TESTS[test]
            print(title + (f', beside {peer.name.title()}' if peer else ''))
            for metric, words, unit, ratio, value in metrics:
                ours = self.median(test, metric, 'thurn')
                theirs = self.median(test, metric, peer.name) if peer else None
                better = None
                if ours and theirs:
                    better = theirs / ours if metric in LOWER else ours / theirs
                goal = f'x {ratio}' if ratio else f'< {value} {unit}'
                met = better and better >= ratio if ratio else ours is not None and ours < value
                known = better is not None if ratio else ours is not None
                print(row(f'  {words}' + (f' ({unit})' if unit else ''), shown(ours), shown(theirs),
                          f'x {better:.1f}' if better else '-', goal, ('met' if met else 'missed') if known else '-'))
        for n in self.notes:
            print(n)

    def median(self, *key):
        return statistics.median(self.results[key]) if self.results[key] else None

    def end(self):
        for s in self.servers.values():
            try:
                s.stop()
            except (RuntimeError, subprocess.SubprocessError) as e:
                print(e)
            s.group.remove()
        self.load.end()
        for peer in self.servers:  # bound below the peers' roots: let go before it is deleted
            for d in ('mail', 'data', 'var/spool/postfix'):
                if peer != 'thurn':
                    subprocess.run(['umount', servers.HOME / peer / d], stderr=subprocess.DEVNULL, timeout=30)
        shutil.rmtree(self.scratch, ignore_errors=True)


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


def append(server, box, connections, n):
    """seconds for n messages"""
    head = 'From: a@client.test\r\nTo: b@example.test\r\nSubject: load\r\nMessage-Id: <{:09}@client.test>\r\n\r\n'
    body = ('x' * 76 + '\r\n') * 60
    messages = ((head.format(i) + body)[:4094] + '\r\n' for i in range(n))
    clients = {c.s: c for c in (Imap(server) for _ in range(connections))}

    def next_message(s):
        m = next(messages, None)
        if m:
            s.sendall(f'thurnbench APPEND {box} {{{len(m)}+}}\r\n{m}\r\n'.encode())
        return m is not None
    waiting, left = selectors.DefaultSelector(), n
    began = time.monotonic()
    for s in clients:
        if next_message(s):
            waiting.register(s, selectors.EVENT_READ)
    while left:
        ready = waiting.select(30)
        if not ready:
            raise RuntimeError('no answer to APPEND')
        for key, _ in ready:
            answer = key.fileobj.recv(65536)
            if b'thurnbench OK' in answer:
                left -= 1
                if not next_message(key.fileobj):
                    waiting.unregister(key.fileobj)
            elif not answer or b'thurnbench ' in answer:
                raise RuntimeError(f'APPEND: {answer[:100]}')
    took = time.monotonic() - began
    for c in clients.values():
        c.close()
    return took


def fill_mailbox(messages, folder):
    """BIG messages of 4 KB: 10,000 different ones, under ten names each"""
    for d in ('cur', 'new', 'tmp'):
        (folder / d).mkdir(parents=True, exist_ok=True)
    (folder / 'maildirfolder').touch()
    if not messages.exists():
        messages.mkdir()
        for i in range(BIG // 10):
            text = (f'Received: from client.test by mx.example.test; {1 + i % 28} Jan 2024 10:{i % 60:02}:00 +0000\n'
                    f'From: "Sender {i % 211}" <user{i % 200}@client.test>\nTo: Bench <bench@example.test>\n'
                    f'Cc: other{i % 37}@client.test\nSubject: {"Re: " if i % 3 else ""}report {i % 997}\n'
                    f'Message-ID: <m{i}@client.test>\nIn-Reply-To: <m{i // 2}@client.test>\n'
                    f'Date: Mon, {1 + i % 28} Jan 2024 {i % 24:02}:{i % 60:02}:00 +0000\n'
                    'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n')
            text += ('words of a message ' * 4 + '\n') * ((4000 - len(text)) // 77)
            (messages / f'{i:05}').write_text(text)
            os.chmod(messages / f'{i:05}', 0o600)
        servers.give(messages)
    for i in range(BIG // 10):
        source = messages / f'{i:05}'
        size = source.stat().st_size
        crlf = size + source.read_bytes().count(b'\n')
        for k in range(i, BIG, BIG // 10):
            os.link(source, folder / f'cur/{1704100000 + k}.M{k}P1.bench,S={size},W={crlf}:2,S')
    servers.give(folder)
    os.sync()


def shown(v):
    return '-' if v is None else f'{v:,.0f}' if v >= 100 else f'{v:.1f}' if v >= 10 else f'{v:.2f}'


def namespace():
    """With root, everything happens in a mount namespace that ends with this process."""
    if servers.ROOT and 'THURN_BENCH' not in os.environ:
        os.environ['THURN_BENCH'] = 'mounts are private'
        try:
            os.execvp('unshare', ['unshare', '--mount', '--propagation', 'private', sys.executable, *sys.argv])
        except OSError:
            pass


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--quick', action='store_true', help='one run, short flows: a first look')
    p.add_argument('--runs', type=int, help='of each test (3, with --quick 1)')
    p.add_argument('--tests', default=','.join(TESTS), help='names with commas between')
    p.add_argument('--no-peers', action='store_true', help='only Thurn')
    o = p.parse_args()
    o.runs = o.runs or (1 if o.quick else 3)
    tests = o.tests.split(',')
    if set(tests) - set(TESTS):
        p.error(f'tests are {", ".join(TESTS)}')
    namespace()
    subprocess.run(['make', '-s', '--no-print-directory', 'all', 'testers'], cwd=servers.TOP, check=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(s, lambda *_: sys.exit(1))
    try:
        b = Bench(o)
    except Unfit as e:
        raise SystemExit(str(e))
    try:
        b.prepare(tests)
        broken = b.run(tests)
        b.table(tests)
    finally:
        b.end()
    raise SystemExit(1 if broken else 0)


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""make bench: how fast and how small Thurn is, beside the Debian packages of Postfix and Dovecot.

    make bench [ARGS="--quick --rounds N --tests inbound,kept,relay,relay-tls,smtp-idle,imap-idle,tls,tls-idle,append,mailbox,login,start,million"]

Servers take turns within one run, on this machine and its disk, each with a file system of its own that is made
anew for every measurement, so ratios mean more than numbers. The table shows medians, with the least and the
most that was seen. CPU time is that of all processes of a server and of what the kernel does for them, by its
control group. All is durable: every message and APPEND is synced before its answer, by the peers as well.
"million" takes minutes and 8 GB, so it runs only when it is named.

Needs root, overlayfs and loop devices for all of it; without them it says what it leaves out.
"""
import argparse, collections, contextlib, json, os, pathlib, re, resource, shutil, signal, smtplib, socket, ssl, statistics, subprocess, sys, threading, time

import imap, outbound, servers
from servers import Dovecot, Load, Postfix, Thurn, Unfit, wait_for

# test: (peer, rounds, what it is, [(metric, what the table calls it, unit, goal as a ratio, goal as a value)]);
# a ratio says how many times better Thurn is
FLOW = [('rate', 'messages', '/s', 3, None), ('per_cpu', 'messages per CPU-second', '', 4, None)]
IDLE = [('kb', 'memory per connection', 'kB', None, 16)]
PACE = 210  # logins per second that are tried beside mail
TESTS = {
    'inbound': (Postfix, 5, 'inbound to Maildir, 20 sessions', FLOW),
    'kept': (Postfix, 3, 'inbound, connections kept', FLOW),
    'relay': (Postfix, 5, 'relay to a sink, 20 sessions', FLOW),
    'relay-tls': (Postfix, 3, 'relay over TLS to a sink, 20 sessions', [FLOW[0], ('per_cpu', 'messages per CPU-second', '', 3, None)]),
    'smtp-idle': (Postfix, 1, '5,000 idle SMTP connections', IDLE),
    'imap-idle': (Dovecot, 1, '5,000 IMAP connections before login', IDLE),
    'tls': (Postfix, 3, 'TLS handshakes, ECDSA on P-256', [
        ('full', 'port 25, full, per CPU-second', '', 1, None), ('resumed', 'port 465, resumed, per CPU-second', '', 3, None)]),
    'tls-idle': (None, 1, '5,000 idle IMAP connections under TLS', [('kb', 'memory per connection', 'kB', None, 40)]),
    'append': (Dovecot, 5, 'APPEND of 4 KB', [
        ('one', '1 connection', '/s', 3, None), ('many', '20 connections', '/s', 3, None),
        ('per_cpu', 'messages per CPU-second', '', None, None)]),
    'mailbox': (Dovecot, 2, '100,000 messages, warm index', [
        ('select', 'SELECT, server CPU', 'ms', None, 8),
        ('fetch', 'FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE)', '/s', 2, None)]),
    'login': (None, 3, 'logins by SCRAM-SHA-256 (submission) while mail comes in, 20 sessions', [
        ('alone', 'logins alone', '/s', None, None), ('logins', f'logins beside mail, of {PACE} tried', '/s', None, 200),
        ('mail', 'mail beside logins, of what it is alone', '', None, .9)]),
    'drain': (Postfix, 3, f'10,000 deferred messages for a host that came back, at most {servers.CAP} at once', [
        ('rate', 'messages', '/s', 3, None), ('peak', 'connections at once', '', None, servers.CAP)]),
    'sessions': (None, 1, 'sessions with a host that is slow, one process', [
        ('sessions', 'at once', '', None, 5000), ('kb', 'memory per session', 'kB', None, 40)]),
    'start': (None, 2, '100,000 deferred messages', [
        ('start', 'start until all are known', 's', None, 5), ('summary', 'queue list --summary', 's', None, .5)]),
    'million': (None, 1, '1,000,000 deferred messages, cold cache', [
        ('first', 'start until a new message is accepted', 's', None, 1), ('start', 'start until all are known', 's', None, 60),
        ('slowest', 'slowest 250 meanwhile', 'ms', None, None), ('bytes', 'memory of the queue per message', 'bytes', None, 600),
        ('summary', 'queue list --summary', 's', None, .5), ('where', 'queue list --where, 2,000 of them match', 's', None, 5),
        ('line', 'queue list, its first line', 's', None, .5), ('slow', 'slowest 250 beside these', 'ms', None, None)]),
}
LONG = {'million'}  # minutes, and gigabytes: only when asked for
LOWER = {'kb', 'select', 'start', 'summary', 'first', 'slowest', 'bytes', 'where', 'line', 'slow', 'peak'}
DISTURBED = .25  # of a CPU: when others use more than that, a flow is measured again


class Bench:
    def __init__(self, options):
        self.o = options
        self.seconds = 1.5 if options.quick else 4
        self.scratch = servers.HOME / f'run-{os.getpid()}'
        self.scratch.mkdir(parents=True)
        self.results = collections.defaultdict(list)  # (test, metric, server): values
        self.notes, self.servers = [], {}
        self.disturbed = {}  # test: by how many CPUs, at most
        self.load = Load(self.scratch)

    def prepare(self, tests):
        wanted = set() if self.o.no_peers or self.o.before else {TESTS[t][0] for t in tests} - {None}
        self.servers['thurn'] = Thurn(self.scratch, self.load.port)
        if self.o.before:
            self.servers['before'] = Thurn(self.scratch, self.load.port, 'before', self.o.before.resolve())
        for peer in sorted(wanted, key=lambda p: p.name):
            try:
                if not servers.ROOT:
                    raise Unfit('the peers need root')
                self.servers[peer.name] = peer(self.scratch, self.load.port)
            except Unfit as e:
                self.note(f'{peer.name} is not measured: {e}')

    def beside(self, test):
        """the name of what Thurn is compared with"""
        return 'before' if self.o.before else TESTS[test][0] and TESTS[test][0].name

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
        """(seconds, CPU seconds of the server, CPUs that others used) from the first connection to the last delivery"""
        new = server.maildir / 'new'
        count = self.load.sunk if relay else lambda: len(os.listdir(new))
        goal, cpu, began, others = count() + n, server.group.cpu(), time.monotonic(), self.others(server)
        self.load.source(server.smtp, 'somebody@remote.test' if relay else server.rcpt, n, kept)
        wait_for(f'{n} messages', 120, lambda: count() >= goal)
        took = time.monotonic() - began
        busy = (self.others(server) - others) / took
        time.sleep(.5)  # what the server does behind the last delivery is part of its price
        return took, server.group.cpu() - cpu, busy

    def others(self, server):
        """CPU seconds of everybody but the server, our clients, and the kernel's threads, which work for the disk"""
        t = [int(x) for x in open('/proc/stat').readline().split()[1:9]]
        own = sum(resource.getrusage(who)[i] for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN) for i in (0, 1))
        if self.load.sink:
            f = open(f'/proc/{self.load.sink.pid}/stat').read().rsplit(')', 1)[1].split()
            own += (int(f[11]) + int(f[12])) / os.sysconf('SC_CLK_TCK')
        kernel = 0
        for p in filter(str.isdigit, os.listdir('/proc')):
            try:
                f = open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()
                kernel += int(f[11]) + int(f[12]) if f[1] == '2' else 0
            except OSError:
                pass
        return (sum(t) - t[3] - t[4] - kernel) / os.sysconf('SC_CLK_TCK') - own - server.group.cpu()

    def flow(self, test, server):
        relay, kept, tls = test.startswith('relay'), test == 'kept', test == 'relay-tls'
        if relay:
            self.load.end()
            self.load.sink_start(tls=tls)
        server.restart(test if tls else 'flow')
        self.send(server, 100, relay, kept)
        took, _, _ = self.send(server, 300, relay, kept)
        n = int(min(20000, max(300, 300 / took * self.seconds)))
        best = None
        for _ in range(2):
            took, cpu, busy = self.send(server, n, relay, kept)
            if not best or busy < best[2]:
                best = took, cpu, busy
            if busy < DISTURBED:
                break
        took, cpu, busy = best
        if busy >= DISTURBED:
            self.disturbed[test] = max(busy, self.disturbed.get(test, 0))
            print(f'  {test:10} {server.name:8} disturbed: others used {busy:.0%} of a CPU')
        self.add(test, server, rate=n / took, per_cpu=n / cpu)

    def idle(self, test, server):
        port, greet = {'smtp-idle': ('smtp', b'220'), 'imap-idle': ('imap', b'* OK'), 'tls-idle': ('imaps', b'* OK')}[test]
        n = 5000
        if server.name == 'postfix':  # a process for each: what one needs is seen with fewer
            n = 200 if self.o.quick else 1000
            self.note(f'Postfix was asked to hold {n} connections only')
        server.restart(n + 100)
        client = ssl.create_default_context(cafile=server.ca) if test == 'tls-idle' else None
        held = []
        try:
            for i in range(n + 5):
                if i == 5:
                    time.sleep(.5)
                    before = servers.memory(server.group.pids())
                s = socket.create_connection(('127.0.0.1', getattr(server, port)), 20)
                if client:
                    s = client.wrap_socket(s, server_hostname='localhost')
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

    def handshakes(self, test, server):
        server.restart('tls')
        found = {}
        for metric, port, kind in (('full', 'smtp', 'starttls'), ('resumed', 'smtps', 'implicit')):
            act = [servers.BUILD / 'test/bench/handshakes', str(getattr(server, port)), kind, metric, '8']
            subprocess.run([*act, '0.5'], check=True, stdout=subprocess.DEVNULL, timeout=60)
            cpu = server.group.cpu()
            done, resumed, _ = subprocess.run([*act, str(self.seconds)], check=True, capture_output=True, text=True, timeout=60).stdout.split()
            time.sleep(.2)
            found[metric] = int(done) / (server.group.cpu() - cpu)
            if metric == 'resumed' and int(resumed) < .9 * int(done) or metric == 'full' and int(resumed):
                raise RuntimeError(f'{resumed} of {done} sessions were resumed')
        self.add(test, server, **found)

    # --- IMAP ------------------------------------------------------------------------------------

    def append(self, test, server):
        server.restart('imap')
        found, total, cpu = {}, 0, server.group.cpu()
        for metric, connections in (('one', 1), ('many', 20)):
            box, clients = f'box{connections}', [imap.Imap(server) for _ in range(connections)]
            clients[0](f'CREATE {box}')
            act = (lambda c: imap.append_one_by_one(clients[0], c)) if connections == 1 else \
                  (lambda c: imap.append_at_once(clients, c))
            took = timed(act, list(imap.appends(box, 200)))
            n = int(min(20000, max(200, 200 / took * self.seconds)))
            found[metric] = n / timed(act, list(imap.appends(box, n)))
            for c in clients:
                c.close()
            total += n + 200
        found['per_cpu'] = total / (server.group.cpu() - cpu)
        if imap.count(server, 'box1') + imap.count(server, 'box20') != total:
            raise RuntimeError('messages are missing')
        self.add(test, server, **found)

    def mailbox(self, test, server):
        server.restart('imap')
        server.stop()
        imap.fill_mailbox(server.maildir / '.big', servers.give)
        server.restart('imap', fresh=False)
        fetch = 'FETCH 1:* (FLAGS UID RFC822.SIZE ENVELOPE)'

        def read_all(c):
            if c(fetch) != imap.BIG:
                raise RuntimeError('messages are missing')
        c = imap.Imap(server)
        c('SELECT big')
        read_all(c)
        c.close()
        select, rate = [], []
        for _ in range(3):
            time.sleep(.3)
            c = imap.Imap(server)
            time.sleep(.2)
            cpu = server.group.cpu()
            c('SELECT big')
            time.sleep(.05)
            select.append((server.group.cpu() - cpu) * 1000)
            rate.append(imap.BIG / timed(read_all, c))
            c.close()
        self.add(test, server, select=statistics.median(select), fetch=statistics.median(rate))

    # --- logins ----------------------------------------------------------------------------------

    def login(self, test, server):
        server.restart('flow')
        server.command('domain', 'set', '--scram', 'on', 'example.test')
        secret = self.scratch / 'password'
        secret.write_text(server.account[1] + '\n')
        server.command('user', 'passwd', '--password-file', secret, server.account[0])
        with Logins(server) as logins:
            time.sleep(self.seconds)
        alone = logins.rate
        self.send(server, 100, False, False)
        took, _, _ = self.send(server, 300, False, False)
        n = int(min(10000, max(300, 300 / took * self.seconds / 2)))
        mail, beside = {False: 0, True: 0}, []
        for busy in (False, True, True, False):  # so that what grows meanwhile, as the mailbox does, is no advantage of either
            with Logins(server, PACE) if busy else contextlib.nullcontext() as logins:
                mail[busy] += self.send(server, n, False, False)[0]
            if busy:
                beside.append(logins.rate)
        self.add(test, server, alone=alone, logins=min(beside), mail=mail[False] / mail[True])

    # --- the queue -------------------------------------------------------------------------------

    def start(self, test, server):
        server.restart('flow')
        server.stop()
        subprocess.run([server.build / 'test/bench/spoolfill', server.at / 'spool', str(imap.BIG)], check=True, timeout=180)
        began = time.monotonic()
        server.again()
        asked = []

        def known():
            asked.append(time.monotonic())
            m = re.search(r'deferred +(\d+)', server.command('queue', 'list', '--summary').stdout)
            return m and int(m[1]) >= imap.BIG
        wait_for('queue', 60, known, .01)
        end = time.monotonic()
        self.add(test, server, start=end - began, summary=end - asked[-1])

    def million(self, test, server):
        """A spool of its own; the checkpoint is one that the suite itself has written."""
        big = Million(self.scratch, self.load.port, 'million', server.build)
        try:
            big.restart('flow')
            empty = big.queue_memory()
            big.stop()
            subprocess.run([big.build / 'test/bench/spoolfill', big.at / 'spool', str(Million.MESSAGES)], check=True, timeout=900)
            big.restart('flow', fresh=False)
            big.all_read()
            big.stop()
            big.volume.forget()
            began = time.monotonic()
            with Trickle(big, began) as mail:
                big.again()
                big.all_known()
                start = time.monotonic() - began
            used = (big.queue_memory() - empty) * 1024 / Million.MESSAGES
            with Trickle(big, time.monotonic()) as beside:
                summary = timed(big.command, 'queue', 'list', '--summary')
                where = timed(big.command, 'queue', 'list', '--where', 'rcpt-domain=host7.example and age>1m and not size>1M')
                line = big.first_line('queue', 'list')
            self.add(test, server, first=mail.first, start=start, slowest=mail.slowest * 1000, bytes=used, summary=summary,
                     where=where, line=line, slow=beside.slowest * 1000)
        finally:
            big.stop()
            big.volume.leave()
            big.volume.image.unlink(missing_ok=True)
            big.group.remove()

    # --- other hosts -----------------------------------------------------------------------------

    def drain(self, test, server):
        rate, peak = outbound.drain(self, server, 2000 if self.o.quick else 10000)
        self.add(test, server, rate=rate, peak=peak)

    def sessions(self, test, server):
        most, kb = outbound.sessions(self, server, 5000)
        self.add(test, server, sessions=most, kb=kb)

    # --- all of it -------------------------------------------------------------------------------

    def rounds(self, test):
        return self.o.rounds or (min(2, TESTS[test][1]) if self.o.quick else TESTS[test][1])

    def measure(self, test, server):
        act = {'inbound': self.flow, 'kept': self.flow, 'relay': self.flow,
               'relay-tls': self.flow, 'smtp-idle': self.idle, 'imap-idle': self.idle,
               'tls': self.handshakes, 'tls-idle': self.idle, 'append': self.append, 'mailbox': self.mailbox, 'login': self.login,
               'drain': self.drain, 'sessions': self.sessions, 'start': self.start, 'million': self.million}
        try:
            act[test](test, server)
            return True
        except (OSError, RuntimeError, subprocess.SubprocessError) as e:
            self.note(f'{test}, {server.name}: failed: {e}')
        finally:
            try:
                server.stop()
                if server.volume.fault:
                    self.note(f'{server.name} had no file system of its own ({server.volume.fault}): figures vary more')
            except (RuntimeError, subprocess.SubprocessError) as e:
                self.note(f'{test}, {server.name}: {e}')
        return False

    def run(self, tests):
        broken = set()
        for k in range(max(map(self.rounds, tests))):
            for test in tests:
                if k >= self.rounds(test):
                    continue
                names = [n for n in ('thurn', self.beside(test)) if n in self.servers]
                for name in names if k % 2 == 0 else names[::-1]:
                    if (test, name) not in broken and not self.measure(test, self.servers[name]):
                        broken.add((test, name))
        return broken

    def table(self, tests):
        row = '{:<46} {:>24} {:>24} {:>8} {:>9}  {}'.format
        print('\n' + row('', 'Thurn', 'before' if self.o.before else 'peer', 'ratio', 'to reach', '').rstrip())
        for test in tests:
            _, _, title, metrics = TESTS[test]
            peer = self.beside(test)
            print(title + (f', beside {peer.title()}' if peer and not self.o.before else ''))
            for metric, words, unit, ratio, value in metrics:
                ours, theirs = self.results[test, metric, 'thurn'], self.results[test, metric, peer]
                a, b = median(ours), median(theirs)
                better = (b / a if metric in LOWER else a / b) if a and b else None
                low = metric in LOWER
                goal = f'x {ratio}' if ratio else f'{"at most" if low else "at least"} {value} {unit}' if value else ''
                known = better if ratio else a if value else None
                met = known is not None and (better >= ratio if ratio else a <= value if low else a >= value)
                print(row(f'  {words}' + (f' ({unit})' if unit else ''), spread(ours), spread(theirs),
                          f'x {better:.1f}' if better else '-', goal,
                          '' if not goal else '-' if known is None else 'met' if met else 'missed').rstrip())
        for test, busy in self.disturbed.items():
            print(f'{test}: others used up to {busy:.0%} of a CPU meanwhile; that slows down whoever has fewer processes')
        for n in self.notes:
            print(n)

    def end(self):
        for s in self.servers.values():
            try:
                s.stop()
                s.volume.leave()
            except (RuntimeError, subprocess.SubprocessError) as e:
                print(e)
            s.group.remove()
        self.load.end()
        shutil.rmtree(self.scratch, ignore_errors=True)


class Logins:
    """SCRAM logins by four clients, one after the other or so many in a second"""

    def __init__(self, server, pace=None):
        self.command = [servers.BUILD / 'test/bench/logins', str(server.submission), *server.account, '4', *([str(pace)] if pace else [])]
        self.rate = None  # how many there were in a second, when they have ended

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        said, failure = self.process.communicate(timeout=60)
        if self.process.returncode:
            raise RuntimeError('logins: ' + failure.strip())
        done, seconds = said.split()
        self.rate = int(done) / float(seconds)


class Million(Thurn):
    MESSAGES = 1000000
    size, inodes = 7 << 30, 1200000

    def summary(self):
        return json.loads(self.command('queue', 'summary', '--json').stdout or '{}')

    def counts(self):
        return self.command('status', '--counts').stdout

    def all_known(self):
        wait_for('the queue', 600, lambda: self.summary().get('complete'), .05)

    def all_read(self):
        """Also what no checkpoint had."""
        self.all_known()
        wait_for('the queue', 900, lambda: 'event.queue-read' in self.counts(), 1)

    def queue_memory(self):
        rows = map(json.loads, self.command('status', '--json').stdout.splitlines())
        return servers.memory(r['pid'] for r in rows if r.get('process') == 'queue')

    def first_line(self, *args):
        began = time.monotonic()
        with subprocess.Popen([self.build / 'bin/thurn', '-c', self.at / 'thurn.conf', *args], env=self.env(), stdout=subprocess.PIPE) as p:
            p.stdout.readline()
            took = time.monotonic() - began
            p.kill()
        return took


class Trickle:
    """A message after the other to a mailbox here, from before the server is there: when the first was accepted, and
    how long the slowest took after that."""

    def __init__(self, server, began):
        self.server, self.began, self.first, self.slowest = server, began, None, 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def run(self):
        while not self.stop.wait(.01):
            began = time.monotonic()
            try:
                with smtplib.SMTP('127.0.0.1', self.server.smtp, timeout=60) as s:
                    s.sendmail('sender@example.test', [self.server.rcpt], b'Subject: trickle\r\n\r\nbody\r\n')
            except (OSError, smtplib.SMTPException):
                continue
            if self.first is None:
                self.first = time.monotonic() - self.began
            else:
                self.slowest = max(self.slowest, time.monotonic() - began)


def timed(fn, *args):
    """seconds that it takes"""
    began = time.monotonic()
    fn(*args)
    return time.monotonic() - began


def median(values):
    return statistics.median(values) if values else None


def spread(values):
    """the median, and the least and the most"""
    if len(values) < 2:
        return shown(median(values))
    return f'{shown(median(values))} [{shown(min(values))}..{shown(max(values))}]'


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
    p.add_argument('--quick', action='store_true', help='fewer rounds, short flows: a first look')
    p.add_argument('--rounds', type=int, help='of each test')
    p.add_argument('--tests', default=','.join(t for t in TESTS if t not in LONG), help='names with commas between')
    p.add_argument('--no-peers', action='store_true', help='only Thurn')
    p.add_argument('--before', type=pathlib.Path, metavar='BUILD', help='compare with another build of Thurn instead')
    o = p.parse_args()
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

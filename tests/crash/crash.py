#!/usr/bin/python3
"""Kills the suite with SIGKILL while mail flows, again and again, and looks whether a promise was broken.

    crash.py [--cycles N] [--jobs J] [--seed S] [--state FILE] [--build DIR]

One cycle: an instance runs, clients send messages, something is killed (the whole suite at a random moment or at a
named point of the code, or one process of it while the rest goes on), the suite is started again, its queue
drains. Then every message that got a 250 must be in the mailbox of each recipient, or at the other host where it
goes on to, whole, once; a second copy is counted and allowed only where a kill fell into its delivery. To the other
host, which cannot be asked what it has, each process that died may have sent it once; much of it goes there before
its 250, past the spool. Messages that got no 250 may
be there or not, but never in part. The other host refuses for now, hangs up and is back again.
What cannot be delivered is reported to its sender, once as well. Somebody deletes messages that are held and brings
some back: each is held or in the trash. Meanwhile an IMAP client sets flags and appends; what it was told OK must
still be so.

The points of the code take turns; the end says which of them nobody came to.

A state file keeps seed and totals over runs, so that long runs add up. Needs a build with -DTHURN_TEST_CRASH.
"""
import argparse, collections, hashlib, imaplib, itertools, json, os, pathlib, random, re, shutil, signal, smtplib, subprocess, sys, tempfile, threading, time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'scenario'))
from smtp_fault_server import CLOSE, FaultServer
INSTANCE = HERE.parent / 'instance'
RCPTS = 3
GONE, HELD = 'nobody@gone.test', 'somebody@held.test'
AWAY = [f'them{n}@away.test' for n in range(2)]  # at the other host
LIST, MEMBERS = 'list@lists.test', ['user1@example.test', AWAY[0]]
SENDERS = 4

# Where the code may die: all points that there are.
TOP = HERE.parent.parent
POINTS = sorted({name for folder in ('lib', 'smtpd', 'queue', 'deliver', 'imapd', 'services') for f in (TOP / folder).rglob('*.c')
                 for name in re.findall(r'crash_point\("([^"]+)"\)', f.read_text())})
ROLES = ['queue', 'deliver-maildir', 'deliver-remote', 'smtpd', 'lookup', 'auth', 'notify', 'spawn', 'log', 'imapd-login']


def body(token, size):
    """Its own proof: the second half repeats a hash of the first."""
    text = (token + ' ' + 'x' * 60 + '\r\n') * max(1, size // 90)
    return text + hashlib.sha256(text.encode()).hexdigest() + '\r\n'


def whole(raw):
    lines = raw.replace(b'\r\n', b'\n').partition(b'\n\n')[2].split(b'\n')
    text = b''.join(l + b'\r\n' for l in lines[:-2])
    return len(lines) > 2 and lines[-1] == b'' and hashlib.sha256(text).hexdigest().encode() == lines[-2]


def promises(to):
    """Who must have a message that was accepted for these."""
    return set(t for t in to if t != LIST) | set(MEMBERS if LIST in to else ())


class Run:
    """One instance. points: an endless iterator of those at which it is to die."""

    def __init__(self, seed, build, points):
        self.random = random.Random(seed)
        self.points = points
        self.build = build
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-crash-'))
        self.top.chmod(0o711)
        self.lock = threading.Lock()
        self.acked = {}                 # token -> recipients
        self.ids = {}                   # token -> queue id
        self.sent = 0
        self.filed = set()              # queue ids of what is held or in the trash
        self.kept = set()               # tokens that were appended
        self.seen = {}                  # file name -> token
        self.totals = collections.Counter()
        self.tampered = {}              # message file prefix -> what an IMAP client was promised about it
        self.env = dict(os.environ, THURN_BUILD=str(build), THURN_LIBEXEC=str(build / 'libexec'))
        self.away = FaultServer()
        self.allowed = {}                     # token -> copies that may be there: a process that dies can send one more
        self.log_read = 0
        self.relayed = collections.Counter()  # (token, address) -> copies that the other host has taken
        extra = self.top / 'extra.conf'
        extra.write_text(f'''
transport_maps = {{"inline:{{away.test=smtp:{self.away.hop}, gone.test=error:5.1.2, held.test=hold:}}"}}
remote_ports = {{{self.away.port}}}
remote_shortcut_time = 500ms
virtual_alias_domains = {{lists.test}}
virtual_alias_maps = {{"inline:{{{{{LIST} = {", ".join(MEMBERS)}}}}}"}}
''')
        out = subprocess.run([INSTANCE, 'start', self.top, '--users', str(RCPTS + 1), '--build', build, '--conf', extra],
                             capture_output=True, text=True)
        if out.returncode:
            raise SystemExit(out.stdout + out.stderr)
        self.info = json.loads(out.stdout)
        *self.boxes, self.sender = [a['address'] for a in self.info['accounts']]

    # --- the instance

    def thurn(self, *args, **env):
        return subprocess.run([self.build / 'bin/thurn', '-c', self.info['conf'], *args], env=dict(self.env, **env),
                              capture_output=True, text=True)

    def processes(self):
        r = self.thurn('status', '--json')
        return [json.loads(l) for l in r.stdout.splitlines()]

    def tree(self, pid):
        kids = collections.defaultdict(list)
        for p in os.listdir('/proc'):
            if p.isdigit():
                try:
                    kids[int(open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()[1])].append(int(p))
                except OSError:
                    pass
        found, todo = [pid], [pid]
        while todo:
            new = kids[todo.pop()]
            found += new
            todo += new
        return found

    def kill_all(self):
        pids = self.tree(self.info['pid'])
        for p in pids:
            try:
                os.kill(p, signal.SIGKILL)
            except OSError:
                pass
        until = time.monotonic() + 10
        while any(alive(p) for p in pids) and time.monotonic() < until:
            time.sleep(0.005)

    def start(self, **env):
        r = self.thurn('start', **env)
        if r.returncode:
            raise RuntimeError('does not start again: ' + r.stdout + r.stderr)
        self.info['pid'] = next(p['pid'] for p in self.processes() if p.get('process') == 'master')

    # --- clients

    def post(self, s, to, text):
        """Who has been accepted, and the message's queue id; a message that is not accepted is an exception."""
        s.ehlo_or_helo_if_needed()
        s.mail(self.sender)
        taken = [t for t in to if s.rcpt(t)[0] == 250]
        code, reply = s.data(text)
        if code != 250:
            raise smtplib.SMTPDataError(code, reply)
        return taken, reply.split()[-1].decode()

    def client(self, n, stop):
        rnd = random.Random(self.random.random() + n)
        s = None
        while not stop.is_set():
            try:
                if s is None:
                    s = smtplib.SMTP('127.0.0.1', self.info['smtp'], timeout=10)
                with self.lock:
                    self.sent += 1
                    token = f'token-{os.getpid()}-{id(self)}-{self.sent}-end'
                count = rnd.choice([1, 1, 1, 2, RCPTS])
                to = rnd.sample(self.boxes + [rnd.choice([*AWAY, LIST, GONE])], count)
                text = f'Subject: {token}\r\n\r\n' + body(token, rnd.choice([200, 2000, 2000, 4000, 40000, 400000]))
                taken, queue_id = self.post(s, to, text)
                with self.lock:
                    self.ids[token] = queue_id
                    self.acked[token] = promises(taken)
            except (smtplib.SMTPException, OSError):
                try:
                    if s is not None:
                        s.close()
                except OSError:
                    pass
                s = None
                time.sleep(0.01)
        if s is not None:
            s.close()

    def reader(self, stop):
        """Flags and appends as IMAP clients do: an OK is a promise too."""
        a = self.info['accounts'][0]
        rnd = random.Random(self.random.random())
        m = None
        while not stop.is_set():
            try:
                if m is None:
                    m = imaplib.IMAP4('127.0.0.1', self.info['imap'], timeout=10)
                    m.login(a['address'], a['password'])
                    m.create('Kept')  # refused when it is there
                m.select()
                uids = m.uid('SEARCH', 'ALL')[1][0].split()
                if uids:
                    uid = rnd.choice(uids)
                    m.uid('STORE', uid, '+FLAGS.SILENT', rnd.choice(['\\Seen', '\\Flagged', '\\Answered']))
                for _ in range(rnd.randint(0, 3)):
                    token = f'token-{os.getpid()}-{rnd.getrandbits(60)}-end'
                    text = f'Subject: {token}\r\n\r\n' + body(token, rnd.choice([200, 4000, 400000]))
                    if m.append('Kept', None, None, text.encode())[0] == 'OK':
                        with self.lock:
                            self.kept.add(token)
                time.sleep(0.02)
            except (imaplib.IMAP4.error, OSError, EOFError):
                m = None
                time.sleep(0.02)

    def clerk(self, stop):
        """Whoever deletes may want it back, so nothing is lost by it."""
        rnd = random.Random(self.random.random())
        while not stop.is_set():
            try:
                with smtplib.SMTP('127.0.0.1', self.info['smtp'], timeout=10) as s:
                    _, id = self.post(s, [HELD], 'Subject: held\r\n\r\n' + body('held', 2000))
            except (smtplib.SMTPException, OSError):
                time.sleep(0.02)
                continue
            self.filed.add(id)
            for action in ('delete', 'undo', 'delete')[:rnd.randint(0, 3)]:
                self.thurn('queue', action, id)

    # --- one cycle

    def at_point(self, point):
        """Starts anew with processes that die there; cycle() goes on when one has, or does not come to it."""
        self.kill_all()
        self.deaths()
        self.start(THURN_CRASH=f'{point}:{self.random.choice([1, 1, 2, 3, 5, 8])}')

    def wait_for_death(self, point):
        self.totals[f'tried {point}'] += 1
        if point.startswith('checkpoint.'):  # written when it stops, and nobody tells who dies then
            time.sleep(self.random.uniform(0.05, 0.3))
            self.thurn('stop')
            self.totals[f'died at {point}'] += self.logged('checkpoint-written') == 0
            return
        until = time.monotonic() + 1.5
        while not (dead := self.logged('process-died', 'session-died')) and time.monotonic() < until:
            time.sleep(0.02)
        self.totals[f'died at {point}'] += dead > 0

    def cycle(self):
        kind = self.random.choice(['all', 'point', 'one', 'all', 'point'])
        stop = threading.Event()
        clients = [threading.Thread(target=self.client, args=(n, stop), daemon=True) for n in range(SENDERS)]
        clients += [threading.Thread(target=f, args=(stop,), daemon=True) for f in (self.reader, self.clerk)]
        point = None
        if kind == 'point':
            point = next(self.points)
            self.at_point(point)
        for c in clients:
            c.start()
        for step, action in (('rcpt', '450 4.2.0 not now'), ('final', CLOSE), ('mail', CLOSE)):
            self.away.plan(step, action, self.random.choice([0, 0, 3]))
        if point:
            self.wait_for_death(point)
        else:
            time.sleep(self.random.uniform(0.05, 0.4))
        if kind == 'one':
            role = self.random.choice(ROLES)
            for p in self.processes():
                if p.get('process') == role and p.get('pid'):
                    try:
                        os.kill(p['pid'], signal.SIGKILL)
                    except OSError:
                        pass
            time.sleep(0.2)
        else:
            self.kill_all()
        stop.set()
        for c in clients:
            c.join(15)
        if kind != 'one':
            self.start()
        self.totals[kind] += 1
        self.drain()
        return self.check(point or kind)

    def drain(self):
        until = time.monotonic() + 30
        while time.monotonic() < until:
            self.thurn('queue', 'flush')
            r = self.thurn('queue', 'summary', '--json')
            # not before it has read all that was there when it started
            if r.returncode == 0 and (q := json.loads(r.stdout))['complete'] and \
                    not any(q[state] for state in ('incoming', 'ready', 'active', 'deferred')):
                return
            time.sleep(0.05)
        r = self.thurn('queue', 'list', '--json')
        raise RuntimeError('the queue does not drain: ' + r.stdout[:2000] + r.stderr)

    def mailbox(self, address, folder='.', whole=whole):
        i = next(k for k, a in enumerate(self.info['accounts']) if a['address'] == address)
        base = pathlib.Path(self.info['accounts'][i]['maildir']) / folder
        found = collections.Counter()
        for d in ('new', 'cur'):
            for p in os.scandir(base / d) if (base / d).exists() else ():
                key = (address, p.name.split(',')[0].split(':')[0])
                if key not in self.seen:
                    raw = open(p.path, 'rb').read()
                    m = re.search(rb'token-[\d-]+-end', raw)
                    if not m or not whole(raw):
                        raise RuntimeError(f'{p.path} is not whole: {len(raw)} bytes')
                    self.seen[key] = m[0].decode()
                found[self.seen[key]] += 1
        return found

    def take_relayed(self):
        """Counts what the other host has, and forgets it there."""
        while self.away.messages:
            message = self.away.messages.pop()
            m = re.search(rb'token-[\d-]+-end', message.data)
            if not m or not whole(message.data.rstrip(b'\r\n') + b'\r\n'):
                raise RuntimeError(f'what was relayed is not whole: {len(message.data)} bytes')
            self.relayed.update((m[0].decode(), address) for address in message.rcpts)
        self.away.seen.clear()
        self.away.transcript.clear()

    def news(self):
        """The log since the last deaths()."""
        with open(self.info['log']) as f:
            f.seek(self.log_read)
            return f.read()

    def logged(self, *events):
        """How many of these since the last deaths()."""
        text = self.news()
        return sum(text.count(f'"{e}"') for e in events)

    def relayed_past_spool(self):
        """How many of those that go to the other host alone since the last deaths()."""
        short = {json.loads(line)['queue'] for line in self.news().splitlines() if '"shortcut"' in line and line.endswith('}')}
        return sum(self.ids[token] in short for token, to in self.acked.items() if to <= set(AWAY))

    def about(self, id):
        """What there is of a message: files, the queue's own word, the log."""
        files = [f'{p} {(st := p.stat()).st_size} bytes, {st.st_mtime}' for p in pathlib.Path(self.info['spool']).rglob(f'{id}*')]
        said = [line for queue in ('list', 'trash list') for line in self.thurn('queue', *queue.split(), '--json').stdout.splitlines() if id in line]
        with open(self.info['log'], errors='replace') as f:
            return files + said + [line.rstrip() for line in f if id in line or '"process-died"' in line]

    def deaths(self):
        """Processes that have died since the last call, as far as the log knows."""
        dead = self.logged('process-died')
        self.log_read = os.path.getsize(self.info['log'])
        return dead

    def listed(self, *args):
        """Queue ids."""
        return [json.loads(l)['queue_id'] for l in self.thurn('queue', *args, '--json').stdout.splitlines()]

    def check(self, kind):
        problems = list(self.away.faults)
        self.take_relayed()
        self.totals['relayed past the spool'] += self.relayed_past_spool()
        copies = 2 + self.deaths()
        boxes = {a: self.mailbox(a) for a in self.boxes}
        boxes[GONE] = self.mailbox(self.sender, whole=lambda raw: raw.endswith(b'/0--\n'))
        for token, to in self.acked.items():
            self.allowed.setdefault(token, copies)
            for t in to:
                n = self.relayed[token, t] if t in AWAY else boxes[t][token]
                if n == 0:
                    problems += [f'LOST {token} for {t} after {kind}', *self.about(self.ids[token])]
                elif n > (self.allowed[token] if t in AWAY else 2):
                    problems.append(f'{n} copies of {token} for {t}')
        appended = self.mailbox(self.info['accounts'][0]['address'], '.Kept')
        problems += [f'LOST {token}, which was appended, after {kind}' for token in self.kept if not appended[token]]
        self.totals['appended'] = len(self.kept)
        self.totals['duplicates'] = sum(n - 1 for b in boxes.values() for n in b.values() if n > 1)
        self.totals['relayed'] = sum(self.relayed.values())
        self.totals['relayed twice'] = sum(n - 1 for n in self.relayed.values() if n > 1)
        self.totals['cycles'] += 1
        filed = collections.Counter(self.listed('list') + self.listed('trash', 'list'))
        problems += [f'{filed[id]} of {id}, which was held, after {kind}' for id in self.filed if filed[id] != 1]
        self.totals['held'] = len(self.filed)
        corrupt = list(pathlib.Path(self.info['spool'], 'corrupt').glob('*'))
        if corrupt:
            problems.append(f'corrupt spool files: {corrupt}')
        return problems

    def close(self):
        self.kill_all()
        self.away.close()
        shutil.rmtree(self.top, ignore_errors=True)


def alive(pid):
    try:
        return open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def job(cycles, seed, build, points, out):
    """A process: runs its share; a new instance now and then, so that mailboxes stay small."""
    done, points = 0, itertools.cycle(points)
    while done < cycles:
        r = Run(seed + done, build, points)
        try:
            for _ in range(min(25, cycles - done)):
                problems = r.cycle()
                done += 1
                out.write(json.dumps({'problems': problems}) + '\n')
                out.flush()
            if not r.acked:
                raise RuntimeError('nothing was accepted')
        except RuntimeError as e:
            done += 1
            out.write(json.dumps({'problems': [str(e), 'log: ' + tail(r.info['log'])]}) + '\n')
        finally:
            out.write(json.dumps({'totals': dict(r.totals, acked=len(r.acked), sent=r.sent)}) + '\n')
            out.flush()
            r.close()


def tail(log):
    try:
        return '\n'.join(open(log, errors='replace').read().splitlines()[-5:])
    except OSError as e:
        return str(e)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--cycles', type=int, default=200)
    p.add_argument('--jobs', type=int, default=os.cpu_count() + 1)
    p.add_argument('--seed', type=int, default=None)
    p.add_argument('--state', type=pathlib.Path)
    p.add_argument('--build', type=pathlib.Path, default=HERE.parent.parent / 'build/crash')
    a = p.parse_args()
    state = json.loads(a.state.read_text()) if a.state and a.state.exists() else {}
    seed = a.seed if a.seed is not None else state.get('seed', random.randrange(10**9))
    print(f'seed {seed}', flush=True)
    pipes, pids, points = [], [], random.Random(seed).sample(POINTS, len(POINTS))
    for j in range(a.jobs):
        r, w = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(r)
            try:
                job(a.cycles // a.jobs + (j < a.cycles % a.jobs), seed * 1000 + j * 100000, a.build.resolve(), points[j::a.jobs], os.fdopen(w, 'w'))
            except BaseException as e:
                print(f'job {j}: {e!r}', file=sys.stderr)
                os._exit(1)
            os._exit(0)
        os.close(w)
        pipes.append(os.fdopen(r))
        pids.append(pid)
    totals, failed = collections.Counter(state.get('totals', {})), 0
    threads = []

    def collect(f):
        nonlocal failed
        for line in f:
            r = json.loads(line)
            if r.get('problems'):
                failed += 1
                print('\n'.join(r['problems']), flush=True)
            totals.update(r.get('totals', {}))

    for f in pipes:
        threads.append(threading.Thread(target=collect, args=(f,)))
        threads[-1].start()
    for t in threads:
        t.join()
    broken = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
    if a.state:
        a.state.write_text(json.dumps({'seed': seed + 1, 'totals': totals}))
    print(', '.join(f'{k} {v}' for k, v in sorted(totals.items()) if not k.startswith(('tried ', 'died at '))))
    missed = [p for p in POINTS if totals[f'tried {p}'] and not totals[f'died at {p}']]
    print(f"points: {len(POINTS)}, tried {sum(totals[f'tried {p}'] > 0 for p in POINTS)}, never come to: {', '.join(missed) or 'none'}")
    print(f"{totals['cycles'] - state.get('totals', {}).get('cycles', 0) - failed} passed, {failed + broken} failed")
    raise SystemExit(1 if failed or broken else 0)


if __name__ == '__main__':
    main()

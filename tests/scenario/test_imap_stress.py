"""Some sessions do whatever comes into their minds in two mailboxes while mail comes in, and hold each answer against what is known.

Each session has its own model (imap_model.py) and a keyword that nobody else touches, so it knows what flags it must
see. What is true for all stands in a ledger per mailbox: a UID is one message for ever, rises, and does not come back;
mod-sequences do not fall; what was promised is found until it is expunged; one session at most sees a message as recent.

THURN_STRESS_SECONDS and THURN_STRESS_SEED (printed when it fails) for more of it.
"""
import collections, os, random, re, smtplib, threading, time
import pytest
from imap_model import Session

SECONDS = float(os.environ.get('THURN_STRESS_SECONDS', 12))
BOXES = ['INBOX', 'Other']
MOST = 60  # messages in a mailbox, about
numbers = iter(range(10**6, 10**9))


def numbered(set_):
    for part in set_.split(','):
        first, _, last = part.partition(':')
        yield from range(int(first), int(last or first) + 1)


class Ledger:
    """What is known about a mailbox by all of them together."""

    def __init__(self):
        self.lock = threading.Lock()
        self.content = {}  # UID: number in the subject
        self.promised, self.gone, self.missed = set(), set(), set()
        self.modseq = 0
        self.recent = {}  # UID: who was told so


class Worker(Session):
    def __init__(self, suite, name, ledgers, readonly=False):
        self.suite, self.ledgers, self.readonly = suite, ledgers, readonly
        self.box, self.selects, self.own = None, 0, f'own-{name}'
        self.rnd = None
        self.forget()
        super().__init__(suite, name)

    def forget(self):
        self.mine, self.modseqs, self.numbers, self.answers = {}, {}, {}, {}

    @property
    def ledger(self):
        return self.ledgers[self.box]

    # --- what it is told

    def untagged(self, line, verb):
        m = re.match(rb'\* (\d+) (EXPUNGE|FETCH)', line)
        if m and m[2] == b'EXPUNGE' and self.uids[int(m[1]) - 1:]:
            uid = self.uids[int(m[1]) - 1]
            if uid:
                with self.ledger.lock:
                    self.ledger.gone.add(uid)
                self.mine.pop(uid, None)
        super().untagged(line, verb)
        if m and m[2] == b'FETCH':
            self.fetched(int(m[1]), line, verb)
        word = re.match(rb'\* (E?SEARCH)(.*)', line) or re.match(rb'\* OK \[(COPYUID) (.*)\]', line)
        if word:
            self.answers[word[1]] = word[2], list(self.uids)

    def fetched(self, n, line, verb):
        uid = self.uids[n - 1]
        self.check(verb != 'UID' or b'UID ' in line, 'no UID in what a UID command has caused')
        if not uid:
            return
        self.check(self.uids[:n - 1].count(uid) == 0, f'UID {uid} is there twice')
        modseq, subject = re.search(rb'MODSEQ \((\d+)\)', line), re.search(rb'Subject: (\d+)', line)
        with self.ledger.lock:
            if modseq:
                modseq = int(modseq[1])
                self.check(modseq >= self.modseqs.get(uid, 0), f'MODSEQ of UID {uid} fell from {self.modseqs.get(uid)} to {modseq}')
                self.modseqs[uid] = modseq
                self.ledger.modseq = max(self.ledger.modseq, modseq)
            if subject:
                known = self.ledger.content.setdefault(uid, int(subject[1]))
                self.check(known == int(subject[1]), f'UID {uid} was {known}, is {subject[1]}')
            if b'\\Recent' in line and not self.readonly:
                who = self.ledger.recent.setdefault(uid, (self.name, self.selects))
                self.check(who == (self.name, self.selects), f'UID {uid} is recent here, and in {who}')
        if uid in self.mine and b'FLAGS (' in line:
            self.check((self.own in self.flags[uid]) == self.mine[uid], f'{self.own} of UID {uid} is not {self.mine[uid]}')

    # --- what it does

    def known(self):
        return [u for u in self.uids if u]

    def ok(self, answer):
        """A message may have been expunged elsewhere; nothing else may go wrong."""
        status, line = answer
        self.check(status == 'OK' or (status == 'NO' and b'EXPUNGEISSUED' in line), line)
        return status == 'OK'

    def some(self, most=4):
        return self.rnd.sample(self.known(), min(len(self.known()), self.rnd.randint(1, most)))

    def enter(self, box=None):
        self.box = None
        box = box or self.rnd.choice(BOXES)
        ledger = self.ledgers[box]
        with ledger.lock:
            gone, modseq = set(ledger.gone), ledger.modseq
        self.uids, self.flags, self.modseq = [], {}, 0
        self.forget()
        self.box, self.selects = box, self.selects + 1
        self.ok(self.command(f'{"EXAMINE" if self.readonly else "SELECT"} {box} (CONDSTORE)'))
        self.check(self.modseq >= modseq, f'HIGHESTMODSEQ {self.modseq}, and {modseq} was known')
        if self.uids:
            self.ok(self.command('FETCH 1:* (UID FLAGS MODSEQ)'))
        self.check(self.known() == sorted(self.known()), 'UIDs do not rise')
        self.check(not gone & set(self.uids), f'{gone & set(self.uids)} came back')

    def noop(self):
        with self.ledger.lock:
            gone = set(self.ledger.gone)
        self.ok(self.command(self.rnd.choice(['NOOP', 'CHECK'])))
        self.check(not gone & set(self.uids), f'nobody says that {gone & set(self.uids)} are gone')

    def look(self):
        if self.uids:
            n = len(self.uids)
            self.ok(self.command(f'FETCH {self.rnd.randint(1, n)}:* (UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (SUBJECT)])'))
            self.check(self.known() == sorted(self.known()), 'UIDs do not rise')

    def read(self):
        if self.known():
            self.ok(self.command(f'UID FETCH {",".join(map(str, self.some()))} (FLAGS BODY.PEEK[] ENVELOPE)'))

    def append(self):
        number, before = next(numbers), max(self.ledger.promised, default=0)
        content = b'Subject: %d\r\n\r\n%s\r\n' % (number, b'text ' * self.rnd.randint(1, 2000))
        status, line = self.command(f'APPEND {self.box} ({self.own}) {{{len(content)}+}}', content)
        self.ok((status, line))
        uid = int(re.search(rb'APPENDUID \d+ (\d+)', line)[1])
        self.check(uid > before, f'UID {uid}, and {before} was given already')
        with self.ledger.lock:
            known = self.ledger.content.setdefault(uid, number)
            self.ledger.promised.add(uid)
        self.check(known == number, f'UID {uid} was {known}, is {number}')
        self.mine[uid] = True

    def append_half(self):
        """The connection breaks within a message, which must never be seen."""
        self.socket.sendall(b'h APPEND %s {5000+}\r\nSubject: 1\r\n\r\nhalf' % self.box.encode())
        self.file.close()
        self.socket.close()
        Session.__init__(self, self.suite, self.name)
        self.enter()

    def mark(self):
        if not self.known():
            return
        uids, on, silent = self.some(), self.rnd.random() < .5, self.rnd.random() < .3
        for u in uids:
            self.mine.pop(u, None)
        if self.rnd.random() < .5:
            which = 'UID STORE ' + ','.join(map(str, uids))
        else:
            which = 'STORE ' + ','.join(str(self.uids.index(u) + 1) for u in uids)
        if self.ok(self.command(f'{which} {"+" if on else "-"}FLAGS{".SILENT" if silent else ""} ({self.own})')):
            self.mine.update((u, on) for u in uids if u in self.uids)

    def flag(self):
        if self.known():
            flag = self.rnd.choice(['\\Seen', '\\Flagged', '\\Deleted', 'common'])
            self.ok(self.command(f'UID STORE {",".join(map(str, self.some()))} {self.rnd.choice("+-")}FLAGS ({flag})'))

    def conditional(self):
        uids = [u for u in self.known() if u in self.modseqs]
        if not uids:
            return
        uid = self.rnd.choice(uids)
        was = self.modseqs[uid]
        answer = self.command(f'UID STORE {uid} (UNCHANGEDSINCE {was}) {self.rnd.choice("+-")}FLAGS (common)')
        if b'[MODIFIED' not in answer[1]:
            self.ok(answer)
        elif uid in self.uids:
            self.ok(self.command(f'UID FETCH {uid} (MODSEQ FLAGS)'))
            self.check(uid not in self.uids or self.modseqs[uid] > was or uid in self.ledger.gone or self.vanished(uid),
                       f'UID {uid} is said to be modified')

    def vanished(self, uid):
        self.command('NOOP')
        return uid not in self.uids

    def search(self):
        with self.ledger.lock:
            promised = set(self.ledger.promised)
        self.ok(self.command('NOOP'))
        self.ok(self.command('UID SEARCH ALL'))
        found, there = self.answers.pop(b'SEARCH')
        found = [int(x) for x in found.split()]
        self.check(found == sorted(set(found)), f'not in order: {found}')
        self.check(len(found) == len(there) and all(u in (None, f) for u, f in zip(there, found)), f'{there} and not {found}')
        with self.ledger.lock:
            self.ledger.missed |= promised - set(found)

    def search_own(self):
        self.ok(self.command(f'UID SEARCH RETURN (MIN MAX COUNT ALL) KEYWORD {self.own}'))
        words = self.answers.pop(b'ESEARCH')[0].decode()
        all_ = re.search(r'ALL (\S+)', words)
        found = sorted(numbered(all_[1])) if all_ else []
        told = {k: int(v) for k, v in re.findall(r'(MIN|MAX|COUNT) (\d+)', words)}
        self.check(told.pop('COUNT', -1) == len(found) and (not found or told == {'MIN': found[0], 'MAX': found[-1]}), words)
        for uid, on in self.mine.items():
            self.check(uid not in self.uids or (uid in found) == on, f'UID {uid} with {self.own} {on}: {found}')

    def search_numbers(self):
        self.ok(self.command(self.rnd.choice(['SEARCH UNDELETED', 'SEARCH RECENT', 'SEARCH 1:* NOT SEEN', 'SEARCH MODSEQ 1'])))
        found, there = self.answers.pop(b'SEARCH')
        found = [int(x) for x in re.sub(rb'\(MODSEQ \d+\)', b'', found).split()]
        self.check(all(1 <= x <= len(there) for x in found), f'{found} of {len(there)}')

    def expunge(self):
        if len(self.uids) > MOST / 2:
            self.ok(self.command(self.rnd.choice(['EXPUNGE', f'UID EXPUNGE {",".join(map(str, self.some(20) or [1]))}'])))

    def copy(self):
        """To the other mailbox or this one; or a move."""
        move, to = self.rnd.random() < .6, self.rnd.choice(BOXES)
        if not self.known() or (not move and len(self.uids) > MOST):
            return
        uids = self.some()
        status, line = self.command(f'UID {"MOVE" if move else "COPY"} {",".join(map(str, uids))} {to}')
        self.ok((status, line))
        tagged = re.search(rb'\[COPYUID (.*?)\]', line)
        told = tagged[1] if tagged else self.answers.pop(b'COPYUID', (b'',))[0]
        if not told or status != 'OK':
            return
        _, sources, copies = told.decode().split()
        there = self.ledgers[to]
        pairs = list(zip(numbered(sources), numbered(copies), strict=True))
        self.check({a for a, _ in pairs} <= set(uids), f'{pairs} of {uids}')
        content = {b: self.ledger.content.get(a) for a, b in pairs}
        with there.lock:
            for uid, number in content.items():
                known = there.content.setdefault(uid, number) if number else None
                self.check(known == number, f'UID {uid} of {to} was {known}, is {number}')
                there.promised.add(uid)

    def idle(self):
        self.count += 1
        self.log.append('> IDLE')
        self.socket.sendall(f'i{self.count} IDLE\r\n'.encode())
        while not (line := self.line()).startswith(b'+'):
            self.untagged(line, 'IDLE')
        time.sleep(self.rnd.random() * .2)
        self.socket.sendall(b'DONE\r\n')
        while not (line := self.line()).startswith(b'i%d ' % self.count):
            self.untagged(line, 'IDLE')
        self.check(b' OK ' in line, line)

    def close(self):
        self.ok(self.command(self.rnd.choice(['CLOSE', 'UNSELECT'])))
        self.enter()

    def refused(self):
        if self.known():
            self.check(self.command(f'UID STORE {self.rnd.choice(self.known())} +FLAGS (\\Deleted)')[0] == 'NO', 'changed what it may not')
            self.check(self.command('EXPUNGE')[0] == 'NO', 'expunged what it may not')

    reading = [(15, noop), (10, look), (8, read), (6, search), (5, search_numbers), (6, idle), (3, enter)]
    writing = reading + [(14, append), (1, append_half), (12, mark), (10, flag), (8, conditional), (8, search_own), (8, expunge),
                         (10, copy), (2, close)]

    def step(self):
        steps = self.reading + [(3, Worker.refused)] if self.readonly else self.writing
        self.rnd.choices([f for _, f in steps], [w for w, _ in steps])[0](self)


def deliver(suite, rnd):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail('sender@client.test', [suite.accounts[0]['address']], f'Subject: {next(numbers)}\r\n\r\ndelivered\r\n')
    time.sleep(rnd.random() * .2)


def agree(sessions, box):
    """Nothing happens any more: all see the same."""
    views = []
    for s in sessions:
        s.enter(box)
        views.append(dict(s.flags))
    assert all(v == views[0] for v in views[1:]), views


def test_whatever_comes(suite):
    seed = int(os.environ.get('THURN_STRESS_SEED', random.randrange(10**6)))
    print(f'THURN_STRESS_SEED={seed}')
    ledgers, until, failures, steps = collections.defaultdict(Ledger), time.monotonic() + SECONDS, [], []
    sessions = [Worker(suite, name, ledgers, name == 'r') for name in 'abcder']
    sessions[0].command('CREATE Other')

    def run(act, rnd):
        n = 0
        try:
            while time.monotonic() < until and not failures:
                act(rnd)
                n += 1
        except BaseException as e:
            failures.append(e)
        steps.append(n)

    def at_work(s):
        def act(rnd):
            s.rnd = rnd
            s.step() if s.box else s.enter()
        return act

    threads = [threading.Thread(target=run, args=(act, random.Random(f'{seed}.{k}'))) for k, act in
               enumerate([*map(at_work, sessions), lambda rnd: deliver(suite, rnd)])]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(f'steps: {steps}')
    if failures:
        raise failures[0]
    for box in BOXES:
        agree(sessions, box)
        there = set(sessions[0].uids)
        assert not ledgers[box].gone & there
        # whoever did not find what was promised did so because somebody expunged it
        assert not ledgers[box].missed & there, ledgers[box].missed & there
        assert 1 not in ledgers[box].content.values()

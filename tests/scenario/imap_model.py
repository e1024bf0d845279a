"""A client of IMAP that knows its mailbox from untagged responses alone, as clients do, and fails on what RFC 3501 7.4.1 forbids."""
import re, socket

FLAGS = ['\\Seen', '\\Deleted', '\\Flagged', '\\Answered', 'kw1', 'kw2', 'kw3']
MESSAGE = b'Subject: %12d\r\n\r\nabcdefgh'


class Session:
    def __init__(self, suite, name, account=0):
        a = suite.accounts[account]
        self.name, self.count, self.log = name, 0, []
        self.uids, self.flags, self.modseq = [], {}, 0
        self.socket = socket.create_connection((suite.host, suite.imap_port), timeout=20)
        self.file = self.socket.makefile('rb')
        self.file.readline()
        assert self.command(f'LOGIN {a["address"]} {a["password"]}')[0] == 'OK'

    def line(self):
        out = b''
        while True:
            part = self.file.readline()
            assert part, f'{self.name}: closed after {self.log[-20:]}'
            out += part
            literal = re.search(rb'\{(\d+)\}\r\n$', part)
            if not literal:
                return out[:-2]
            out += self.file.read(int(literal.group(1)))

    def check(self, good, why):
        assert good, f'{self.name}: {why}\n' + '\n'.join(map(str, self.log[-40:]))

    def untagged(self, line, verb):
        self.log.append(line[:200])
        highest = re.search(rb'HIGHESTMODSEQ (\d+)', line)
        if highest:
            self.modseq = int(highest.group(1))
        m = re.match(rb'\* (\d+) (EXISTS|EXPUNGE|FETCH)(.*)$', line, re.S)
        if not m:
            return
        n, kind = int(m.group(1)), m.group(2)
        if kind == b'EXISTS':
            self.check(n >= len(self.uids), f'EXISTS fell from {len(self.uids)} to {n}')
            self.uids += [None] * (n - len(self.uids))
            return
        self.check(1 <= n <= len(self.uids), f'{kind} {n} of {len(self.uids)}')
        if kind == b'EXPUNGE':
            self.check(verb not in ('FETCH', 'STORE', 'SEARCH'), f'EXPUNGE during {verb}')
            self.flags.pop(self.uids.pop(n - 1), None)
            return
        uid, flags = re.search(rb'UID (\d+)', m.group(3)), re.search(rb'FLAGS \(([^)]*)\)', m.group(3))
        if uid:
            uid = int(uid.group(1))
            self.check(self.uids[n - 1] in (None, uid), f'{n} was UID {self.uids[n - 1]}, is {uid}')
            self.uids[n - 1] = uid
        if flags and self.uids[n - 1]:
            self.flags[self.uids[n - 1]] = frozenset(flags.group(1).decode().split()) - {'\\Recent'}

    def command(self, text, literal=None):
        self.count += 1
        tag = f'{self.name}{self.count}'
        self.log.append('> ' + text)
        self.socket.sendall(f'{tag} {text}\r\n'.encode() + (literal + b'\r\n' if literal else b''))
        while True:
            line = self.line()
            if line.startswith(tag.encode() + b' '):
                self.log.append(line)
                return line.split()[1].decode(), line
            self.untagged(line, text.split()[0])

    def select(self, box, how=''):
        self.uids, self.flags = [], {}
        assert self.command(f'SELECT {box}{how}')[0] == 'OK'

    def look(self):
        """All of it, into the model; what it said before must have been true."""
        before = dict(self.flags)
        if self.uids:
            self.command('FETCH 1:* (UID FLAGS)')
        for uid in self.uids:
            self.check(before.get(uid, self.flags[uid]) == self.flags[uid],
                       f'UID {uid} was told {before.get(uid)}, is {self.flags[uid]}')
        return list(self.uids), {u: self.flags[u] for u in self.uids}

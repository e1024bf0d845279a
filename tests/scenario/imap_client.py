"""A client of IMAP in raw lines, for tests that say things which no library would."""
import re, socket


class Imap:
    """A session in raw lines."""

    def __init__(self, suite, n=0, login=True):
        self.s = socket.create_connection((suite.host, suite.imap_port), 20)
        self.f = self.s.makefile('rb')
        self.n = 0
        self.greeting = self.f.readline()
        a = suite.accounts[n]
        if login:
            assert self.do(f"LOGIN {a['address']} {a['password']}").startswith('OK')

    def send(self, data):
        self.s.sendall(data if isinstance(data, bytes) else data.encode())

    def until(self, tag):
        """The tagged reply behind its tag; self.untagged has what came before."""
        self.untagged = []
        while True:
            line = self.f.readline()
            if not line:
                return ''
            m = re.search(rb'\{(\d+)\}\r\n$', line)
            while m:
                line += self.f.read(int(m[1])) + self.f.readline()
                m = re.search(rb'\{(\d+)\}\r\n$', line)
            if line.startswith(tag.encode() + b' '):
                return line[len(tag) + 1:].decode('latin-1').strip()
            self.untagged.append(line)

    def do(self, command):
        self.n += 1
        tag = f't{self.n}'
        self.send(tag.encode() + b' ' + (command if isinstance(command, bytes) else command.encode()) + b'\r\n')
        return self.until(tag)

    def told(self, pattern):
        """What the last command's untagged replies say to that pattern: its groups, or the whole, of the first that has it."""
        for line in self.untagged:
            m = re.search(pattern.encode() if isinstance(pattern, str) else pattern, line)
            if m:
                return (m[1] if m.re.groups else m[0]).decode('latin-1')
        return None

    def lines(self):
        return [line.decode('latin-1').strip() for line in self.untagged]

    def with_literals(self, *parts):
        """A command in parts, each but the last ended by {n}: sends the next one when the server says go on."""
        self.n += 1
        tag = f't{self.n}'
        self.send(f'{tag} ')
        for part in parts[:-1]:
            self.send(part + b'\r\n')
            go_on = self.f.readline()
            if not go_on.startswith(b'+'):
                return go_on.decode('latin-1').removeprefix(tag + ' ').strip()
        self.send(parts[-1] + b'\r\n')
        return self.until(tag)

    def append(self, text, mailbox='INBOX'):
        self.n += 1
        self.send(f't{self.n} APPEND {mailbox} {{{len(text)}+}}\r\n'.encode() + text + b'\r\n')
        return self.until(f't{self.n}')

    def close(self):
        self.f.close(), self.s.close()

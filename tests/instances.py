"""Private instances of the built suite in a folder each, for tests; tests/instance is the command.

    i = Instance(folder, build)
    about = i.start(users, 'more = "configuration"')   # what the command prints; raises Failed
    i.stop()                                           # what was wrong, as text; '' when all was well
"""
import contextlib, json, os, pathlib, re, shutil, subprocess, sys, tempfile, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from certificates import Authority
from ports import free_ports

BUILD = pathlib.Path(__file__).resolve().parent.parent / 'build'
DOMAIN = 'example.test'
# uids of the programs when root starts a test instance: nobody else's, and without entries in /etc/passwd
FIRST_UID = 64200
ROLES = ('log', 'lookup', 'auth', 'notify', 'queue', 'deliver_maildir', 'deliver_remote', 'smtpd', 'smtpd_local',
         'imapd_login', 'smtpd_submit', 'sasl', 'resolver', 'keys', 'pam', 'fetch', 'policy', 'credentials')

LISTENERS = (('mx', 'smtp'), ('imap', 'imap'), ('imaps', 'imaps'), ('submission', 'submission'),
             ('submissions', 'submissions'))


class Failed(Exception):
    """It does not start; what it said."""


def configuration(top, ports, extra):
    lines = ['# a private instance for tests', 'hostname = "mx.example.test"']
    for what in ('spool', 'mail', 'table', 'account', 'run', 'log', 'policy', 'token'):
        lines.append(f'{what}_directory = "{top}/{what}"')
    lines += ['log_target = file', 'log_format = json', 'password_cost = 1',
              f'mailbox_domains = {{"{DOMAIN}"}}', 'trusted_networks = {"127.0.0.0/8"}']
    if os.geteuid() == 0:
        lines += [f'user_{r} = "{FIRST_UID + i}"' for i, r in enumerate(ROLES)]
    lines += [f'listener {title} {{ service = {service} address = {{"127.0.0.1"}} port = {port} }}'
              for (title, service), port in zip(LISTENERS, ports)]
    lines += [f'certificate mx {{ certificate = "{top}/tls/mx.pem" key = "{top}/tls/mx.key" }}']
    # a setting of the caller's replaces ours: no setting may stand twice
    own = set(re.findall(r'^\s*(\w+)\s*=', extra, re.M)) | set(re.findall(r'^\s*((?:listener|certificate)\s+\w+)', extra, re.M))
    lines = [l for l in lines if l.split(' =')[0].split(' {')[0] not in own]
    return '\n'.join(lines) + '\n' + extra


class Instance:
    def __init__(self, top, build):
        self.top = pathlib.Path(top).resolve()
        self.build = pathlib.Path(build).resolve()
        self.conf = self.top / 'thurn.conf'

    def thurn(self, *args, check=True, **kw):
        env = dict(os.environ, THURN_LIBEXEC=str(self.build / 'libexec'))
        return subprocess.run([self.build / 'bin/thurn', '-c', self.conf, *args], env=env, check=check,
                              capture_output=True, text=True, timeout=60, **kw)

    def certificates(self):
        """One authority for the instances of an hour, unless there is one: to make it takes as long as a start."""
        own, names = self.top / 'tls', ['mx.example.test', 'localhost']
        if own.exists():
            ca = Authority(own)
            ca.issue('mx', names)
            return ca
        known = self.build / f'check/tls-{int(time.time()) // 3600}'
        if not known.exists():
            known.parent.mkdir(parents=True, exist_ok=True)
            fresh = pathlib.Path(tempfile.mkdtemp(dir=known.parent))
            Authority(fresh).issue('mx', names)
            with contextlib.suppress(OSError):  # somebody else's is as good
                fresh.rename(known)
        shutil.copytree(known, own)
        own.chmod(0o755)
        return Authority(own)

    def start(self, users, extra):
        self.top.mkdir(parents=True, exist_ok=True)
        self.top.chmod(0o711)
        ca = self.certificates()
        for attempt in range(3):  # somebody else may take a port between look and use
            ports = free_ports(len(LISTENERS))
            self.conf.write_text(configuration(self.top, ports, extra))
            self.conf.chmod(0o644)
            (self.top / 'table').mkdir(mode=0o755, exist_ok=True)
            r = self.thurn('start', check=False)
            if r.returncode == 0 or not re.search('cannot listen|is taken by listener', r.stderr):
                break
        if r.returncode != 0:
            raise Failed(r.stdout + r.stderr)
        accounts = [{'address': f'user{i}@{DOMAIN}', 'password': f'secret-{i}',
                     'maildir': str(self.top / 'mail' / DOMAIN / f'user{i}' / 'Maildir')}
                    for i in range(1, users + 1)]
        if accounts:
            self.thurn('user', 'add', '--import', '-',
                       input=''.join(f"{a['address']} {a['password']}\n" for a in accounts))
        pid = next(r['pid'] for r in self.status() if r.get('process') == 'master')
        return {'host': '127.0.0.1', **{service: port for (_, service), port in zip(LISTENERS, ports)},
                'domain': DOMAIN, 'accounts': accounts,
                'spool': str(self.top / 'spool'), 'log': str(self.top / 'log/thurn.log'), 'conf': str(self.conf),
                'run': str(self.top / 'run'), 'ca': str(ca.path), 'build': str(self.build), 'pid': pid}

    def status(self):
        # its exit status tells whether all is well, which is for the caller to judge
        return [json.loads(l) for l in self.thurn('status', '--json', check=False).stdout.splitlines()]

    def descendants(self, pid):
        """pid and everything below it, by /proc: a list of (pid, start time)"""
        parents, found = {}, []
        for p in os.listdir('/proc'):
            if p.isdigit():
                try:
                    f = open(f'/proc/{p}/stat').read().rsplit(')', 1)[1].split()
                    parents.setdefault(int(f[1]), []).append((int(p), f[19]))
                except OSError:
                    pass
        todo = [pid]
        while todo:
            for child in parents.get(todo.pop(), []):
                found.append(child)
                todo.append(child[0])
        return found

    def stop(self):
        records = self.status()
        master = next((r['pid'] for r in records if r.get('process') == 'master'), None)
        if master is None:
            return 'it does not run'
        crashed = [r for r in records if r.get('restarts')]
        processes = self.descendants(master)
        r = self.thurn('stop', check=False)
        wrong = [r.stdout + r.stderr] if r.returncode else []
        wrong += [f'restarted: {crashed}'] if crashed else []
        left = [p for p, start in processes if alive(p, start)]
        wrong += [f'left over: {left}'] if left else []
        return '\n'.join(wrong)


def alive(pid, start):
    try:
        f = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
        return f[19] == start and f[0] != 'Z'
    except OSError:
        return False

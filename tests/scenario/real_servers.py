"""Mail servers of Debian packages that take mail at loopback addresses: Postfix, Exim, OpenSMTPD, Dovecot (LMTP), smtp-sink.

    with Postfix(way_back=suite.smtp_port, pair=(certificate, key)) as p:
        p.plain, p.secure         # "[127.0.0.2]:PORT", "[127.0.0.3]:PORT": the same server without and with TLS
        p.messages()              # what was delivered, as bytes
        p.log()

Each runs as root in namespaces for mounts and processes of its own: what was unpacked by tests/peers.py lies over /usr
there, users that it looks for are in its passwd file, and nothing of it stays. Mailboxes: everybody but "nobody".
"""
import os, pathlib, shutil, signal, socket, subprocess, sys, tempfile
import pytest
from conftest import TESTS, wait_for

sys.path.insert(0, str(TESTS))
import peers
from ports import free_port

MAILBOX_UID = 65533


class Server:
    package, helpers, users, at, more = None, (), (), '127.0.0.1', ()

    def __init__(self, **options):
        if os.geteuid() != 0:
            pytest.skip(f'{self.package} wants to be root')
        self.root = peers.root(self.package)
        if self.root is None:
            pytest.skip(f'{self.package} is not to be had')
        self.roots = [self.root, *filter(None, map(peers.root, self.helpers))]
        if len(self.roots) <= len(self.helpers):
            pytest.skip(f'{self.helpers} are not to be had')
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-peer-'))
        self.top.chmod(0o755)
        self.options = options
        self.at = options.get('at', self.at)
        self.mail = self.folder('mail', MAILBOX_UID)
        self.addresses = (self.at, *self.more)
        self.port = free_port(*self.addresses)
        self.hop = f'[{self.at}]:{self.port}'

    def folder(self, name, uid=0, mode=0o755):
        d = self.top / name
        d.mkdir(parents=True, exist_ok=True)
        os.chown(d, uid, uid)
        d.chmod(mode)
        return d

    def write(self, name, text, mode=0o644):
        f = self.top / name
        f.write_text(text)
        f.chmod(mode)
        return f

    def uid(self, user):
        return 65532 - self.users.index(user)

    def namespace(self):
        """Shell text that makes the surroundings."""
        for kind, form in (('passwd', '{}:x:{}:{}::/:/bin/sh\n'), ('group', '{}:x:{}:\n')):
            lines = ''.join(form.format(u, self.uid(u), self.uid(u)) for u in self.users)
            self.write(kind, pathlib.Path('/etc', kind).read_text() + form.format('mailboxes', MAILBOX_UID, MAILBOX_UID) + lines)
        return f'''set -e
mount -t overlay overlay -o lowerdir={':'.join(f'{r}/usr' for r in self.roots)}:/usr /usr
mount --bind {self.top}/passwd /etc/passwd
mount --bind {self.top}/group /etc/group
mount -t tmpfs tmpfs /var/spool
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /run
'''

    def __enter__(self):
        script = self.write('start.sh', self.namespace() + self.start(), 0o755)
        self.out = open(self.top / 'out', 'wb')
        self.process = subprocess.Popen(['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', script],
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT)
        try:
            for address in self.addresses:
                wait_for(lambda: self.answers(address))
        except AssertionError:
            self.close()
            raise
        return self

    def answers(self, address):
        assert self.process.poll() is None, (self.top / 'out').read_text(errors='replace') + self.log()
        try:
            with socket.create_connection((address, self.port), 5) as s:
                return s.recv(3) == b'220'
        except OSError:
            return False

    def __exit__(self, *exc):
        self.close()

    def close(self):
        # the first of its namespace, and with it all others; the death of unshare is not told to one that has changed its user
        if self.process.poll() is None:
            for pid in pathlib.Path(f'/proc/{self.process.pid}/task/{self.process.pid}/children').read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        self.process.wait(20)
        self.out.close()
        shutil.rmtree(self.top)

    def messages(self):
        return [f.read_bytes() for f in self.mail.rglob('*') if f.is_file() and f.parent.name in ('new', 'cur')]

    def log(self):
        f = self.top / 'log'
        return f.read_text(errors='replace') if f.exists() else ''


class Postfix(Server):
    package, users = 'postfix', ('postfix', 'postdrop')
    at, secure_at = '127.0.0.2', '127.0.0.3'
    more = secure_at,
    settings = ''

    @property
    def plain(self):
        return self.hop

    @property
    def secure(self):
        return f'[{self.secure_at}]:{self.port}'

    def start(self):
        queue, conf = self.folder('queue'), self.folder('conf')
        for d in ('active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush', 'hold', 'incoming', 'private', 'public', 'saved',
                  'trace', 'maildrop'):
            self.folder(f'queue/{d}', self.uid('postfix'), 0o700)
        self.folder('queue/pid')
        self.folder('data', self.uid('postfix'))
        certificate, key = self.options['pair']
        boxes = self.write('boxes', '!/^nobody@/ box/\n')
        (conf / 'main.cf').write_text(f'''compatibility_level = 3.6
queue_directory = {queue}
data_directory = {self.top}/data
shlib_directory = /usr/lib/postfix
meta_directory = /usr/share/postfix
inet_interfaces = all
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
{'' if 'mynetworks' in self.settings else 'mynetworks = 127.0.0.0/8'}
alias_maps =
alias_database =
virtual_mailbox_domains = inline:{{postfix.test=x, secure.postfix.test=x, dane.secure.test=x}}
virtual_mailbox_maps = regexp:{boxes}
virtual_mailbox_base = {self.mail}
virtual_uid_maps = static:{MAILBOX_UID}
virtual_gid_maps = static:{MAILBOX_UID}
virtual_mailbox_limit = 0
relayhost = [127.0.0.1]:{self.options['way_back']}
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtputf8_enable = yes
smtpd_tls_chain_files = {key}, {certificate}
maillog_file = {self.top}/log
maillog_file_prefixes = {self.top}
{self.settings}''')
        (conf / 'master.cf').write_text(f'''{self.at}:{self.port} inet n - n - - smtpd
{self.secure_at}:{self.port} inet n - n - - smtpd -o smtpd_tls_security_level=may
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
''')
        return f'exec /usr/lib/postfix/sbin/master -c {conf} -i\n'


class PostfixWithLogins(Postfix):
    """It wants logins, by Dovecot's SASL: those of accounts, {user: password}."""
    helpers, users = ('dovecot',), ('postfix', 'postdrop', 'dovecot', 'dovenull')
    at, secure_at = '127.0.0.8', '127.0.0.9'
    more = secure_at,
    settings = '''mynetworks =
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_tls_auth_only = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
'''

    def start(self):
        postfix = super().start()
        self.write('accounts', ''.join(f'{u}:{{PLAIN}}{p}::::::\n' for u, p in self.options['accounts'].items()))
        conf = self.write('dovecot.conf', f'''protocols =
base_dir = {self.folder('run')}
state_dir = {self.folder('state')}
log_path = {self.top}/log.dovecot
ssl = no
auth_mechanisms = plain login scram-sha-1 scram-sha-256
passdb {{
  driver = passwd-file
  args = {self.top}/accounts
}}
userdb {{
  driver = static
  args = uid={MAILBOX_UID} gid={MAILBOX_UID} home=/
}}
service auth {{
  unix_listener {self.top}/queue/private/auth {{
    mode = 0666
  }}
}}
''')
        return f'/usr/sbin/dovecot -c {conf}\n{postfix}'


class Exim(Server):
    package, users, at = 'exim', ('Debian-exim',), '127.0.0.4'

    def start(self):
        certificate, key = self.options['pair']
        self.folder('spool', self.uid('Debian-exim'))
        self.folder('logs', self.uid('Debian-exim'))
        conf = self.write('exim.conf', f'''spool_directory = {self.top}/spool
log_file_path = {self.top}/logs/%s
never_users =
primary_hostname = exim.test
local_interfaces = {self.at}
daemon_smtp_ports = {self.port}
dsn_advertise_hosts = *
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = {certificate}
tls_privatekey = {key}
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = rcpt
acl_smtp_data = ok
begin acl
ok:
  accept
rcpt:
  deny condition = ${{if eq{{$local_part}}{{nobody}}}}
       message = 5.1.1 there is nobody
  accept
begin routers
here:
  driver = accept
  domains = exim.test
  transport = box
others:
  driver = manualroute
  route_list = * 127.0.0.1::{self.options['way_back']}
  self = send
  transport = back
begin transports
box:
  driver = appendfile
  directory = {self.mail}/box
  maildir_format
  user = {MAILBOX_UID}
  group = {MAILBOX_UID}
  delivery_date_add = false
  envelope_to_add = false
  return_path_add = false
back:
  driver = smtp
  hosts_try_dane =
''')
        # with -C it would give up being root
        return f'''mkdir /var/lib/exim4
cp {conf} /var/lib/exim4/config.autogenerated
exec /usr/sbin/exim4 -bdf -q1m
'''

    def log(self):
        f = self.top / 'logs/main'
        return f.read_text(errors='replace') if f.exists() else ''


class OpenSMTPD(Server):
    package, users, at = 'opensmtpd', ('opensmtpd', 'opensmtpq', '_smtpd', '_smtpq'), '127.0.0.5'

    def start(self):
        certificate, key = self.options['pair']
        shutil.copy(key, self.top / 'key')
        (self.top / 'key').chmod(0o600)
        conf = self.write('smtpd.conf', f'''pki here cert "{certificate}"
pki here key "{self.top}/key"
listen on {self.at} port {self.port} tls pki here hostname opensmtpd.test
table boxes {{ "user@opensmtpd.test" = mailboxes, "other@opensmtpd.test" = mailboxes }}
action "box" maildir "{self.mail}/box" virtual <boxes>
action "back" relay host "smtp://127.0.0.1:{self.options['way_back']}"
match from any for domain "opensmtpd.test" action "box"
match from any for any action "back"
''', 0o600)
        return f'''mkdir -p -m 711 /var/spool/smtpd /var/lib/opensmtpd/empty
exec /usr/sbin/smtpd -d -f {conf}
'''

    def log(self):
        return (self.top / 'out').read_text(errors='replace')


class DovecotLMTP(Server):
    package, users, at = 'dovecot', ('dovecot', 'dovenull'), '127.0.0.6'

    def start(self):
        certificate, key = self.options['pair']
        self.write('accounts', ''.join(f'{u}:{{PLAIN}}x:{MAILBOX_UID}:{MAILBOX_UID}::{self.mail}/{u}\n' for u in ('user', 'other')))
        conf = self.write('dovecot.conf', f'''protocols = lmtp
base_dir = {self.folder('run')}
state_dir = {self.folder('state')}
log_path = {self.top}/log
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:~/Maildir
auth_username_format = %n
first_valid_uid = 1000
passdb {{
  driver = passwd-file
  args = {self.top}/accounts
}}
userdb {{
  driver = passwd-file
  args = {self.top}/accounts
}}
service lmtp {{
  inet_listener lmtp {{
    address = {self.at}
    port = {self.port}
  }}
  unix_listener lmtp {{
    mode = 0600
  }}
}}
''')
        self.socket = self.top / 'run/lmtp'
        return f'exec /usr/sbin/dovecot -F -c {conf}\n'


class Sink(Server):
    """smtp-sink with options, such as -f RCPT (refuses all of them), -8 (no 8BITMIME), -L (LMTP)."""
    package, users, at = 'postfix', ('sink',), '127.0.0.7'

    def start(self):
        self.folder('dump', self.uid('sink'))
        words = ' '.join(self.options.get('words', ()))
        return f'''cd {self.top}/dump
exec /usr/sbin/smtp-sink -u sink -d m. {words} {self.at}:{self.port} 100
'''

    def messages(self):
        return [f.read_bytes() for f in (self.top / 'dump').iterdir()]

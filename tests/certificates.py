"""A test authority and certificates by it, with openssl(1). Keys are EC unless asked otherwise, so this is quick.

    a = Authority(folder)                      # a.path is its certificate
    a.issue('mx', names=['mx.example.test'])   # folder/mx.pem and folder/mx.key
"""
import datetime, pathlib, subprocess

CA_CONF = '''[ca]
default_ca = here
[here]
database = {top}/index
new_certs_dir = {top}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[host]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
{names}
'''
KINDS = {'ec': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'p384': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
         'rsa': ['rsa', '-pkeyopt', 'rsa_keygen_bits:2048'], 'ed25519': ['ed25519']}


def openssl(*args):
    r = subprocess.run(['openssl', *map(str, args)], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr


class Authority:
    def __init__(self, top):
        self.top = pathlib.Path(top)
        self.top.mkdir(parents=True, exist_ok=True)
        self.path, self.key = self.top / 'ca.pem', self.top / 'ca.key'
        if not self.path.exists():
            openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-subj',
                    '/CN=Thurn test authority', '-days', '365', '-keyout', self.key, '-out', self.path)

    def issue(self, name, names, kind='ec', days=90, begins=-1, key=None, common_name=None):
        """
        Writes NAME.key (or uses that of another) and NAME.pem, valid from `begins` days from now for `days`.
        names: hosts, and mail addresses of clients; the first is the common name unless there is another.
        """
        certificate, request = self.top / f'{name}.pem', self.top / f'{name}.csr'
        own = self.top / f'{key or name}.key'
        if key is None:
            openssl('genpkey', '-algorithm', *KINDS[kind], '-out', own)
            own.chmod(0o600)
        openssl('req', '-new', '-key', own, '-subj', f'/CN={common_name or names[0]}'[:68], '-out', request)
        (self.top / 'index').write_text('')
        conf = self.top / 'ca.conf'
        kind_of = lambda n: 'email:' if '@' in n else 'IP:' if n.replace('.', '').isdigit() or ':' in n else 'DNS:'
        names = ','.join(kind_of(n) + n for n in names)
        conf.write_text(CA_CONF.format(top=self.top, names=f'subjectAltName = {names}' if names else ''))
        now = datetime.datetime.utcnow()
        begin, end = (now + datetime.timedelta(days=d) for d in (begins, begins + days))
        # under another name first: whoever watches the file sees it whole
        fresh = self.top / f'{name}.new'
        openssl('ca', '-batch', '-config', conf, '-extensions', 'host', '-notext', '-cert', self.path, '-keyfile',
                self.key, '-in', request, '-out', fresh, '-startdate', f'{begin:%Y%m%d%H%M%SZ}', '-enddate',
                f'{end:%Y%m%d%H%M%SZ}')
        fresh.rename(certificate)
        request.unlink()
        return certificate, own

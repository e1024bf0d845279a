"""A file system of a server's own, made anew for each run.

How fast ext4 makes files depends on what was deleted nearby in the last minutes, by a factor of up to nine, so
servers that share a file system disturb each other and the run after them. As root each gets an ext4 in an
image of its own, which bypasses the page cache of the file system below it. Otherwise a directory must do.
"""
import os, subprocess

SIZE = 3 << 30
INODES = 400000  # of these a queue of 100,000 needs that many
BLOCK = 4 << 20
# nothing is left for the kernel to do in the background, and blocks that the image has it keeps
MKFS = ['mkfs.ext4', '-q', '-F', '-m', '0', '-E', 'nodiscard,lazy_itable_init=0,lazy_journal_init=0']


class Volume:
    """at: the folder where it is, emptied by fresh()"""

    def __init__(self, image, at, size, inodes):
        self.image, self.at, self.size, self.inodes, self.mounted = image, at, size, inodes, False
        self.fault = None if os.geteuid() == 0 else 'that needs root'
        at.mkdir(parents=True, exist_ok=True)
        if not self.fault:
            self.write_image()

    def write_image(self):
        """Every block is written once, or the file system below would have to find room for it while we measure."""
        if self.image.exists() and self.image.stat().st_size == self.size:
            return
        self.image.parent.mkdir(parents=True, exist_ok=True)
        part = self.image.with_suffix('.part')
        try:
            with open(part, 'wb', buffering=0) as f:
                for _ in range(self.size // BLOCK):
                    f.write(bytes(BLOCK))
                os.fsync(f.fileno())
            part.rename(self.image)
        except OSError as e:
            part.unlink(missing_ok=True)
            self.fault = f'no room for an image of {self.size >> 20} MB: {e.strerror}'

    def fresh(self):
        self.leave()
        if not self.fault:
            try:
                self.make()
                return
            except (OSError, subprocess.SubprocessError) as e:
                self.fault = (getattr(e, 'stderr', '') or str(e)).strip()
        self.aside()

    def make(self, fresh=True):
        def run(*command):
            return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
        if fresh:
            run(*MKFS, '-N', str(self.inodes), self.image)
        try:
            device = run('losetup', '--find', '--show', '--direct-io=on', self.image)
        except subprocess.SubprocessError:  # the file system below cannot do that
            device = run('losetup', '--find', '--show', self.image)
        try:
            run('mount', '-t', 'ext4', device, self.at)
            self.mounted = True
        finally:
            run('losetup', '--detach', device)  # it goes when nobody has it mounted any more
        self.at.chmod(0o755)

    def forget(self):
        """Nothing of it is in any cache any more."""
        if self.fault:
            raise RuntimeError(self.fault)
        self.leave()
        self.make(fresh=False)
        with open('/proc/sys/vm/drop_caches', 'w') as f:
            f.write('3')

    def aside(self):
        """Without a file system of its own: what there was moves out of the way, because deleting is what slows down."""
        if any(self.at.iterdir()):
            k = 1
            while self.at.with_name(f'{self.at.name}.{k}').exists():
                k += 1
            self.at.rename(self.at.with_name(f'{self.at.name}.{k}'))
            self.at.mkdir()

    def leave(self):
        if self.mounted:
            subprocess.run(['umount', self.at], check=True, capture_output=True, timeout=60)
            self.mounted = False

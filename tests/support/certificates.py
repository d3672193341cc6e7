"""Authorities, and certificates of theirs for this machine: NAME.pem and NAME.key in a folder."""
import os
import subprocess

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_authority(folder, name="authority"):
    openssl(folder, "req", "-x509", *KEY, "-days", "2", "-subj", f"/CN={name}", "-keyout",
            f"{name}.key", "-out", f"{name}.pem")


def make_certificate(folder, name, authority="authority", names="IP:127.0.0.1,DNS:localhost"):
    openssl(folder, "req", *KEY, "-subj", "/CN=localhost", "-keyout", f"{name}.key", "-out",
            f"{name}.csr")
    (folder / f"{name}.names").write_text(f"subjectAltName={names}\n")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey",
            f"{authority}.key", "-CAcreateserial", "-days", "2", "-out", f"{name}.pem", "-extfile",
            f"{name}.names")
    os.chmod(folder / f"{name}.key", 0o600)

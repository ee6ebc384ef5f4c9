"""A reconciler's class that declares a little of everything, for the tests of declarations."""

from __future__ import annotations

from reconcilekit import Context, Reconciler, Resource

CERTIFICATE = Resource("example.com/v1", "Certificate")
SECRET = Resource("v1", "Secret")
ISSUER = Resource("example.com/v1", "Issuer")


class CertificateReconciler(Reconciler):
    primary = CERTIFICATE
    owns = (SECRET,)
    reads = (ISSUER, SECRET, CERTIFICATE)

    def reconcile(self, ctx: Context) -> None:
        """All is well."""

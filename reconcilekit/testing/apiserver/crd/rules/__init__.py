"""The rules of `x-kubernetes-validations`, in CEL; the library that runs them is loaded with the first rule."""

// Command gotypes prints what OpenAPI doesn't tell of the built-in kinds: which fields are pointers, which are left
// out when they are empty, and what Go calls their types. tools/record_api.py joins it with the recorded OpenAPI.
//
// Each type is a list of fields [JSON name, type, flags]: "o" is left out when empty, "z" when zero, "@Name" stands in
// an embedded struct. In a type, "*" is a pointer, "[]" a
// list, "[string]" a map, "#name" a struct by its name in OpenAPI, "!Name" a type that reads its JSON itself, and
// "v1.Protocol:string" a named type with what it is underneath.
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

var unmarshaler = reflect.TypeOf((*json.Unmarshaler)(nil)).Elem()

type printer struct {
	types map[string][][3]string
}

func main() {
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		scheme.AddToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme,
	} {
		if err := add(known); err != nil {
			panic(err)
		}
	}
	p := printer{types: map[string][][3]string{}}
	for gvk, t := range known.AllKnownTypes() {
		if gvk.Version != runtime.APIVersionInternal {
			p.describe(t)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(p.types); err != nil {
		panic(err)
	}
}

func (p printer) describe(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return "*" + p.describe(t.Elem())
	}
	if t.Name() != "" && reflect.PointerTo(t).Implements(unmarshaler) {
		return "!" + t.Name()
	}
	prefix := ""
	if t.Name() != "" && t.PkgPath() != "" && t.Kind() != reflect.Struct {
		prefix = t.String() + ":"
	}
	switch t.Kind() {
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return prefix + "!Bytes"
		}
		return prefix + "[]" + p.describe(t.Elem())
	case reflect.Map:
		return prefix + "[string]" + p.describe(t.Elem())
	case reflect.Struct:
		p.describeStruct(t)
		return "#" + definition(t)
	default:
		return prefix + t.Kind().String()
	}
}

func (p printer) describeStruct(t reflect.Type) {
	name := definition(t)
	if _, seen := p.types[name]; seen {
		return
	}
	p.types[name] = [][3]string{}
	p.types[name] = p.fields(t)
}

func (p printer) fields(t reflect.Type) [][3]string {
	all := [][3]string{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" || !field.IsExported() {
			continue
		}
		if name == "" && field.Anonymous {
			for _, inner := range p.fields(field.Type) {
				inner[2] += "@" + field.Name
				all = append(all, inner)
			}
			continue
		}
		if name == "" {
			name = field.Name
		}
		flags := ""
		if strings.Contains(options, "omitempty") {
			flags += "o"
		}
		if strings.Contains(options, "omitzero") {
			flags += "z"
		}
		all = append(all, [3]string{name, p.describe(field.Type), flags})
	}
	return all
}

// definition is the name under which OpenAPI has the type: io.k8s.api.apps.v1.Deployment.
func definition(t reflect.Type) string {
	host, path, _ := strings.Cut(t.PkgPath(), "/")
	parts := strings.Split(host, ".")
	for i, j := 0, len(parts)-1; i < j; i, j = i+1, j-1 {
		parts[i], parts[j] = parts[j], parts[i]
	}
	return strings.Join(parts, ".") + "." + strings.ReplaceAll(path, "/", ".") + "." + t.Name()
}

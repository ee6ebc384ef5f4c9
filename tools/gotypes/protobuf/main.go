// Command protobuf prints how the built-in kinds are written in protobuf, and samples of them, as one JSON document
// that tools/record_protobuf.py keeps.
//
// "kinds" has each kind's message. "messages" has each message's fields: [number, JSON name, type, flags]. In a type,
// "*" is a pointer, "[]" a list, "{}" a map by strings, "#name" a message, "@" a message that is a list in Go, "!Name"
// a type that writes its JSON itself, and "s", "i", "b", "y", "f" are strings, whole numbers, booleans, bytes and
// floats. In the flags, "o" is left out when empty, "z" when zero, and "~" stands in the fields of what holds it.
//
// "samples" has for each kind some objects as Go writes them: [apiVersion/kind, protobuf, JSON].
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// Each kind is filled this often: full, with every pointer to a zero, empty, and with every other pointer.
const variants = 4

var (
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
	marshaler   = reflect.TypeFor[interface{ Marshal() ([]byte, error) }]()
)

type document struct {
	Kinds    map[string]string   `json:"kinds"`
	Messages map[string][][4]any `json:"messages"`
	Samples  [][3]any            `json:"samples"`
}

func main() {
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		scheme.AddToScheme, apiextensions.AddToScheme, apiregistration.AddToScheme, meta.AddMetaToScheme,
	} {
		if err := add(known); err != nil {
			panic(err)
		}
	}
	d := document{Kinds: map[string]string{}, Messages: map[string][][4]any{}}
	all := known.AllKnownTypes()
	gvks := []schema.GroupVersionKind{}
	for gvk := range all {
		if gvk.Version != runtime.APIVersionInternal {
			gvks = append(gvks, gvk)
		}
	}
	slices.SortFunc(gvks, func(a, b schema.GroupVersionKind) int { return strings.Compare(key(a), key(b)) })
	serializer := protobuf.NewSerializer(known, known)
	for _, gvk := range gvks {
		t := all[gvk]
		if !reflect.PointerTo(t).Implements(marshaler) {
			continue
		}
		d.Kinds[key(gvk)] = d.describe(t)[1:]
		if strings.Contains(t.PkgPath(), "apimachinery") && gvk.GroupVersion() != schema.GroupVersion(meta.Unversioned) {
			continue // The options of all groups alike.
		}
		if strings.HasSuffix(gvk.Kind, "List") {
			continue
		}
		for variant := range variants {
			d.sample(gvk, t, variant, serializer)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(d); err != nil {
		panic(err)
	}
}

func key(gvk schema.GroupVersionKind) string {
	return gvk.GroupVersion().String() + "/" + gvk.Kind
}

func (d *document) describe(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		return "*" + d.describe(t.Elem())
	}
	if t.Name() != "" && reflect.PointerTo(t).Implements(unmarshaler) {
		return "!" + t.Name()
	}
	switch t.Kind() {
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "y"
		}
		if t.Name() != "" && reflect.PointerTo(t).Implements(marshaler) {
			return "@" + d.describe(t.Elem())
		}
		return "[]" + d.describe(t.Elem())
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			panic(t)
		}
		return "{}" + d.describe(t.Elem())
	case reflect.Struct:
		d.describeStruct(t)
		return "#" + definition(t)
	case reflect.String:
		return "s"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint16, reflect.Uint32:
		return "i"
	case reflect.Bool:
		return "b"
	case reflect.Float64:
		return "f"
	}
	panic(t)
}

func (d *document) describeStruct(t reflect.Type) {
	name := definition(t)
	if _, seen := d.Messages[name]; seen {
		return
	}
	d.Messages[name] = [][4]any{}
	fields := [][4]any{}
	for i := range t.NumField() {
		field := t.Field(i)
		tag := strings.Split(field.Tag.Get("protobuf"), ",")
		if len(tag) < 2 {
			if field.Name != "TypeMeta" && field.Tag.Get("json") != "-" {
				fmt.Fprintf(os.Stderr, "%s.%s has no number\n", name, field.Name)
			}
			continue
		}
		number, err := strconv.Atoi(tag[1])
		if err != nil {
			panic(err)
		}
		json, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		flags := ""
		if strings.Contains(options, "omitempty") {
			flags += "o"
		}
		if strings.Contains(options, "omitzero") {
			flags += "z"
		}
		if json == "" && field.Anonymous {
			flags += "~"
		}
		fields = append(fields, [4]any{number, json, d.describe(field.Type), flags})
	}
	d.Messages[name] = fields
}

// definition is the name under which OpenAPI has the type: io.k8s.api.apps.v1.Deployment.
func definition(t reflect.Type) string {
	host, path, _ := strings.Cut(t.PkgPath(), "/")
	parts := strings.Split(host, ".")
	slices.Reverse(parts)
	return strings.Join(parts, ".") + "." + strings.ReplaceAll(path, "/", ".") + "." + t.Name()
}

func (d *document) sample(gvk schema.GroupVersionKind, t reflect.Type, variant int, serializer runtime.Serializer) {
	value := reflect.New(t)
	f := filler{variant: variant}
	f.fill(value.Elem(), "", 0)
	object := value.Interface().(runtime.Object)
	object.GetObjectKind().SetGroupVersionKind(gvk)
	if object.GetObjectKind().GroupVersionKind() != gvk {
		return // A WatchEvent doesn't tell what it is.
	}
	written := &strings.Builder{}
	if err := serializer.Encode(object, written); err != nil {
		panic(err)
	}
	d.Samples = append(d.Samples, [3]any{key(gvk), []byte(written.String()), object})
}

// filler makes up values: the same ones each time, and no two alike.
type filler struct {
	variant, count int
}

func (f *filler) fill(v reflect.Value, name string, depth int) {
	f.count++
	if f.special(v) || f.variant == 2 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 12 || f.variant == 3 && f.count%2 == 0 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		// A pointer to an empty time is null in JSON, so these are never empty.
		if !f.special(v.Elem()) && f.variant != 1 {
			f.fill(v.Elem(), name, depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && field.Name != "TypeMeta" {
				f.fill(v.Field(i), field.Name, depth+1)
			}
		}
	case reflect.Slice:
		f.fillSlice(v, name, depth)
	case reflect.Map:
		if depth > 12 {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		item := reflect.New(v.Type().Elem()).Elem()
		f.fill(item, name, depth+1)
		v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key-%d", f.count)).Convert(v.Type().Key()), item)
	case reflect.String:
		v.SetString(fmt.Sprintf("%s-%d ü", name, f.count))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.count) * 1000 * int64(1-f.count%2*2))
	case reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(f.count))
	case reflect.Bool:
		v.SetBool(f.count%2 == 0 || f.variant == 0)
	case reflect.Float64:
		v.SetFloat(float64(f.count) + 0.25)
	}
}

func (f *filler) fillSlice(v reflect.Value, name string, depth int) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		v.SetBytes([]byte(name))
		return
	}
	if depth > 12 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 1+f.count%2, 2))
	for i := range v.Len() {
		f.fill(v.Index(i), name, depth+1)
	}
}

func (f *filler) special(v reflect.Value) bool {
	at := time.Date(2026, 1, 2, 3, 4, f.count%60, 987654321, time.UTC)
	var made any
	switch v.Interface().(type) {
	case meta.Time:
		made = meta.Time{Time: at.Truncate(time.Second)}
	case meta.MicroTime:
		made = meta.MicroTime{Time: at.Truncate(time.Microsecond)}
	case meta.Duration:
		made = meta.Duration{Duration: time.Duration(f.count) * 90500 * time.Millisecond}
	case resource.Quantity:
		made = resource.MustParse(fmt.Sprintf("%dm", f.count))
	case intstr.IntOrString:
		made = []intstr.IntOrString{intstr.FromInt32(int32(f.count)), intstr.FromString("25%")}[f.count%2]
	case runtime.RawExtension:
		made = runtime.RawExtension{Raw: []byte(`{"apiVersion":"example.com/v1","kind":"Any","spec":{"size":1.5}}`)}
	case meta.FieldsV1:
		made = *meta.NewFieldsV1(`{"f:spec":{"f:size":{}}}`)
	case apiextensions.JSON:
		made = apiextensions.JSON{Raw: []byte(`{"any":[1,"two",null]}`)}
	case apiextensions.JSONSchemaPropsOrBool:
		made = apiextensions.JSONSchemaPropsOrBool{Allows: true, Schema: f.schema()}
	case apiextensions.JSONSchemaPropsOrArray:
		made = apiextensions.JSONSchemaPropsOrArray{JSONSchemas: []apiextensions.JSONSchemaProps{{Type: "string"}}}
		if f.count%2 == 0 {
			made = apiextensions.JSONSchemaPropsOrArray{Schema: &apiextensions.JSONSchemaProps{Type: "object"}}
		}
	case apiextensions.JSONSchemaPropsOrStringArray:
		made = apiextensions.JSONSchemaPropsOrStringArray{Property: []string{"a", "b"}}
		if f.count%2 == 0 {
			made = apiextensions.JSONSchemaPropsOrStringArray{Schema: f.schema()}
		}
	default:
		return false
	}
	if f.variant != 2 {
		v.Set(reflect.ValueOf(made))
	}
	return true
}

// schema is a schema every other time.
func (f *filler) schema() *apiextensions.JSONSchemaProps {
	if f.count%4 < 2 {
		return nil
	}
	return &apiextensions.JSONSchemaProps{Type: "object"}
}

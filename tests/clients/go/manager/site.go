package main

import (
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

var (
	version   = schema.GroupVersion{Group: "manager.example.com", Version: "v1"}
	themeKind = version.WithKind("Theme")

	sites  = definition("Site", "sites", siteSpec)
	themes = definition("Theme", "themes", apiextensions.JSONSchemaProps{Type: "object", XPreserveUnknownFields: ptr.To(true)})

	siteSpec = apiextensions.JSONSchemaProps{Type: "object", Properties: map[string]apiextensions.JSONSchemaProps{
		"message":  {Type: "string"},
		"replicas": {Type: "integer", Minimum: ptr.To(0.0), Default: &apiextensions.JSON{Raw: []byte("1")}},
	}}
)

// Site is what the controller is about.
type Site struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata,omitempty"`
	Spec            SiteSpec   `json:"spec,omitempty"`
	Status          SiteStatus `json:"status,omitempty"`
}

// SiteSpec says what it should be.
type SiteSpec struct {
	Message  string `json:"message,omitempty"`
	Replicas int32  `json:"replicas,omitempty"`
}

// SiteStatus says what it is.
type SiteStatus struct {
	Message    string           `json:"message,omitempty"`
	Colour     string           `json:"colour,omitempty"`
	Conditions []meta.Condition `json:"conditions,omitempty"`
}

// SiteList is many of them.
type SiteList struct {
	meta.TypeMeta `json:",inline"`
	meta.ListMeta `json:"metadata,omitempty"`
	Items         []Site `json:"items"`
}

// DeepCopy copies a Site.
func (s *Site) DeepCopy() *Site {
	copied := *s
	copied.ObjectMeta = *s.ObjectMeta.DeepCopy()
	copied.Status.Conditions = append([]meta.Condition(nil), s.Status.Conditions...)
	return &copied
}

// DeepCopyObject copies a Site.
func (s *Site) DeepCopyObject() runtime.Object { return s.DeepCopy() }

// DeepCopyObject copies a list.
func (l *SiteList) DeepCopyObject() runtime.Object {
	copied := *l
	copied.ListMeta = *l.ListMeta.DeepCopy()
	copied.Items = make([]Site, len(l.Items))
	for i := range l.Items {
		copied.Items[i] = *l.Items[i].DeepCopy()
	}
	return &copied
}

func addToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(version, &Site{}, &SiteList{})
	meta.AddToGroupVersion(scheme, version)
	return nil
}

func definition(kind, plural string, spec apiextensions.JSONSchemaProps) *apiextensions.CustomResourceDefinition {
	return &apiextensions.CustomResourceDefinition{
		ObjectMeta: meta.ObjectMeta{Name: plural + "." + version.Group},
		Spec: apiextensions.CustomResourceDefinitionSpec{
			Group: version.Group, Scope: apiextensions.NamespaceScoped,
			Names: apiextensions.CustomResourceDefinitionNames{Plural: plural, Kind: kind},
			Versions: []apiextensions.CustomResourceDefinitionVersion{{
				Name: version.Version, Served: true, Storage: true,
				Subresources: &apiextensions.CustomResourceSubresources{Status: &apiextensions.CustomResourceSubresourceStatus{}},
				Schema: &apiextensions.CustomResourceValidation{OpenAPIV3Schema: &apiextensions.JSONSchemaProps{
					Type: "object",
					Properties: map[string]apiextensions.JSONSchemaProps{
						"spec": spec, "status": {Type: "object", XPreserveUnknownFields: ptr.To(true)},
					},
				}},
			}},
		},
	}
}

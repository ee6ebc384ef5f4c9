package main

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"

	. "reconcilekit.invalid/clients/scenario"
)

func (r run) discover() {
	client := r.typed.Discovery()
	version, err := client.ServerVersion()
	Must(err)
	Check(version.Major == "1", "the version is %v", version)
	_, lists, err := client.ServerGroupsAndResources()
	Must(err)
	Check(len(lists) > 15, "%d group versions", len(lists))
	paths, err := client.OpenAPIV3().Paths()
	Must(err)
	Check(paths["apis/apps/v1"] != nil, "OpenAPI has no apps/v1")
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Deployment"})
	Must(err)
	Check(mapping.Resource.Resource == "deployments" && mapping.Scope.Name() == apimeta.RESTScopeNameNamespace, "%+v", mapping)
	_, err = mapper.RESTMapping(schema.GroupKind{Group: "apps", Kind: "Nonesuch"})
	Check(apimeta.IsNoMatchError(err), "a kind that isn't there: %v", err)
}

func (r run) write() {
	maps := r.typed.CoreV1().ConfigMaps(r.Namespace)
	made, err := maps.Create(r.Context, &corev1.ConfigMap{
		ObjectMeta: meta.ObjectMeta{GenerateName: "m-"}, Data: map[string]string{"a": "1"}, BinaryData: map[string][]byte{"b": {0}},
	}, meta.CreateOptions{FieldManager: "maker"})
	Must(err)
	Check(made.Kind == "" && made.UID != "" && made.ManagedFields[0].Manager == "maker", "created %+v", made)

	stale := made.DeepCopy()
	Must(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		made.Data["a"] = "2"
		made, err = maps.Update(r.Context, made, meta.UpdateOptions{})
		return err
	}))
	_, err = maps.Update(r.Context, stale, meta.UpdateOptions{})
	Check(apierrors.IsConflict(err), "a stale update: %v", err)

	for kind, patch := range map[types.PatchType]string{
		types.MergePatchType:          `{"data":{"merge":"1"}}`,
		types.StrategicMergePatchType: `{"data":{"strategic":"1"}}`,
		types.JSONPatchType:           `[{"op":"add","path":"/data/json","value":"1"}]`,
	} {
		made, err = maps.Patch(r.Context, made.Name, kind, []byte(patch), meta.PatchOptions{})
		Must(err)
	}
	Check(len(made.Data) == 4, "after three patches: %v", made.Data)

	tried, err := maps.Patch(r.Context, made.Name, types.MergePatchType, []byte(`{"data":{"dry":"1"}}`), meta.PatchOptions{DryRun: []string{meta.DryRunAll}})
	Must(err)
	Check(tried.Data["dry"] == "1" && tried.ResourceVersion == made.ResourceVersion, "a dry run: %+v", tried)

	wrong := meta.DeleteOptions{Preconditions: &meta.Preconditions{UID: ptr.To(types.UID("wrong"))}}
	Check(apierrors.IsConflict(maps.Delete(r.Context, made.Name, wrong)), "a wrong UID deletes")
	right := meta.DeleteOptions{Preconditions: meta.NewUIDPreconditions(string(made.UID)), PropagationPolicy: ptr.To(meta.DeletePropagationBackground)}
	Must(maps.Delete(r.Context, made.Name, right))
}

func (r run) fail() {
	maps := r.typed.CoreV1().ConfigMaps(r.Namespace)
	_, err := maps.Get(r.Context, "nonesuch", meta.GetOptions{})
	Check(apierrors.IsNotFound(err), "what isn't there: %v", err)
	one := &corev1.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: "one"}}
	_, err = maps.Create(r.Context, one, meta.CreateOptions{})
	Must(err)
	_, err = maps.Create(r.Context, one, meta.CreateOptions{})
	Check(apierrors.IsAlreadyExists(err), "what is there: %v", err)
	one.Name = "Not a name"
	_, err = maps.Create(r.Context, one, meta.CreateOptions{})
	Check(apierrors.IsInvalid(err) && apierrors.HasStatusCause(err, meta.CauseTypeFieldValueInvalid), "a bad name: %v", err)
	_, err = r.typed.AppsV1().Deployments(r.Namespace).Create(r.Context, &appsv1.Deployment{ObjectMeta: meta.ObjectMeta{Name: "bad"}}, meta.CreateOptions{})
	Check(apierrors.IsInvalid(err), "a Deployment without anything: %v", err)
	_, err = maps.List(r.Context, meta.ListOptions{Continue: "x"})
	Check(apierrors.IsBadRequest(err), "a bad continue token: %v", err)
}

func (r run) list() {
	maps := r.typed.CoreV1().ConfigMaps(r.Namespace)
	for i := range 7 {
		labels := map[string]string{"page": "yes", "odd": fmt.Sprint(i%2 == 1)}
		_, err := maps.Create(r.Context, &corev1.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: fmt.Sprintf("page-%d", i), Labels: labels}}, meta.CreateOptions{})
		Must(err)
	}
	pages := pager.New(func(ctx context.Context, opts meta.ListOptions) (runtime.Object, error) { return maps.List(ctx, opts) })
	pages.PageSize = 3
	seen := 0
	Must(pages.EachListItem(r.Context, meta.ListOptions{LabelSelector: "page=yes"}, func(runtime.Object) error { seen++; return nil }))
	Check(seen == 7, "%d of 7 in pages", seen)
	odd, err := maps.List(r.Context, meta.ListOptions{LabelSelector: "odd in (true),page"})
	Must(err)
	Check(len(odd.Items) == 3 && odd.ResourceVersion != "", "odd ones: %+v", odd)
	named, err := maps.List(r.Context, meta.ListOptions{FieldSelector: "metadata.name=page-2"})
	Must(err)
	Check(len(named.Items) == 1, "by name: %+v", named)
	Must(maps.DeleteCollection(r.Context, meta.DeleteOptions{}, meta.ListOptions{LabelSelector: "page=yes"}))
	left, err := maps.List(r.Context, meta.ListOptions{LabelSelector: "page=yes"})
	Must(err)
	Check(len(left.Items) == 0, "left after deletecollection: %d", len(left.Items))
}

func (r run) subresources() {
	deployments := r.typed.AppsV1().Deployments(r.Namespace)
	scale, err := deployments.GetScale(r.Context, "web", meta.GetOptions{})
	Must(err)
	Check(scale.Status.Selector == "app=web", "the scale: %+v", scale)
	scale.Spec.Replicas = 2
	scale, err = deployments.UpdateScale(r.Context, "web", scale, meta.UpdateOptions{})
	Must(err)
	Check(scale.Spec.Replicas == 2, "the scale after it was set: %+v", scale)

	pod, err := r.typed.CoreV1().Pods(r.Namespace).Create(r.Context, &corev1.Pod{
		ObjectMeta: meta.ObjectMeta{Name: "alone"}, Spec: template().Spec,
	}, meta.CreateOptions{})
	Must(err)
	Must(retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		pod, err = r.typed.CoreV1().Pods(r.Namespace).Get(r.Context, "alone", meta.GetOptions{})
		Must(err)
		pod.Status.Message = "said by the test"
		pod.Spec.Hostname = "ignored"
		pod, err = r.typed.CoreV1().Pods(r.Namespace).UpdateStatus(r.Context, pod, meta.UpdateOptions{})
		return err
	}))
	Check(pod.Status.Message == "said by the test" && pod.Spec.Hostname == "", "after a status update: %q, %q", pod.Status.Message, pod.Spec.Hostname)
}

func (r run) apply() {
	maps := r.typed.CoreV1().ConfigMaps(r.Namespace)
	ours := applycore.ConfigMap("applied", r.Namespace).WithData(map[string]string{"a": "1", "b": "1"})
	_, err := maps.Apply(r.Context, ours, meta.ApplyOptions{FieldManager: "ours"})
	Must(err)
	theirs := applycore.ConfigMap("applied", r.Namespace).WithData(map[string]string{"b": "2"})
	_, err = maps.Apply(r.Context, theirs, meta.ApplyOptions{FieldManager: "theirs"})
	Check(apierrors.IsConflict(err) && apierrors.HasStatusCause(err, meta.CauseTypeFieldManagerConflict), "a conflict: %v", err)
	_, err = maps.Apply(r.Context, theirs, meta.ApplyOptions{FieldManager: "theirs", Force: true})
	Must(err)
	applied, err := maps.Apply(r.Context, applycore.ConfigMap("applied", r.Namespace), meta.ApplyOptions{FieldManager: "ours"})
	Must(err)
	Check(len(applied.Data) == 1 && applied.Data["b"] == "2", "what the other owns stays, ours goes: %v", applied.Data)
	owned, err := applycore.ExtractConfigMap(applied, "theirs")
	Must(err)
	Check(owned.Data["b"] == "2", "extracted: %+v", owned)

	deployments := r.typed.AppsV1().Deployments(r.Namespace)
	status := applyapps.Deployment("web", r.Namespace).WithStatus(applyapps.DeploymentStatus().WithConditions(
		applyapps.DeploymentCondition().WithType("Tested").WithStatus(corev1.ConditionTrue).WithReason("Test").
			WithLastUpdateTime(meta.NewTime(time.Now()))))
	got, err := deployments.ApplyStatus(r.Context, status, meta.ApplyOptions{FieldManager: "tester"})
	Must(err)
	tested := false
	for _, condition := range got.Status.Conditions {
		tested = tested || condition.Type == "Tested"
	}
	Check(tested, "the applied condition: %+v", got.Status)
}

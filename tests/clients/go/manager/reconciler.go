package main

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

const finalizer = "manager.example.com/finalizer"

type reconciler struct {
	client.Client
	scheme *runtime.Scheme
	events events.EventRecorder
}

func (r *reconciler) setUp(manager ctrl.Manager) error {
	theme := &unstructured.Unstructured{}
	theme.SetGroupVersionKind(themeKind)
	return ctrl.NewControllerManagedBy(manager).
		For(&Site{}).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.Secret{}, builder.OnlyMetadata).
		Watches(theme, &handler.EnqueueRequestForObject{}).
		Complete(r)
}

// Reconcile makes a Deployment by server-side apply, a ConfigMap by create or update, and a Secret by create.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	site := &Site{}
	if err := r.Get(ctx, request.NamespacedName, site); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !site.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finalize(ctx, site)
	}
	if controllerutil.AddFinalizer(site, finalizer) {
		return ctrl.Result{}, r.Update(ctx, site)
	}
	for _, ensure := range []func(context.Context, *Site) error{r.ensureDeployment, r.ensureConfigMap, r.ensureSecret} {
		if err := ensure(ctx, site); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{}, r.tell(ctx, site)
}

func (r *reconciler) ensureDeployment(ctx context.Context, site *Site) error {
	labels := map[string]string{"site": site.Name}
	owner := applymeta.OwnerReference().WithAPIVersion(version.String()).WithKind("Site").WithName(site.Name).
		WithUID(site.UID).WithController(true).WithBlockOwnerDeletion(true)
	wanted := applyapps.Deployment(site.Name, site.Namespace).WithOwnerReferences(owner).WithSpec(applyapps.DeploymentSpec().
		WithReplicas(site.Spec.Replicas).
		WithSelector(applymeta.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(applycore.PodTemplateSpec().WithLabels(labels).WithSpec(applycore.PodSpec().
			WithContainers(applycore.Container().WithName("web").WithImage("nginx:1.29")))))
	return r.Apply(ctx, wanted, client.FieldOwner("sites"), client.ForceOwnership)
}

func (r *reconciler) ensureConfigMap(ctx context.Context, site *Site) error {
	wanted := &corev1.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: site.Name, Namespace: site.Namespace}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, wanted, func() error {
		wanted.Data = map[string]string{"message": site.Spec.Message}
		return controllerutil.SetControllerReference(site, wanted, r.scheme)
	})
	return err
}

func (r *reconciler) ensureSecret(ctx context.Context, site *Site) error {
	found := &meta.PartialObjectMetadata{}
	found.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	if err := r.Get(ctx, client.ObjectKeyFromObject(site), found); !apierrors.IsNotFound(err) {
		return err
	}
	wanted := &corev1.Secret{
		ObjectMeta: meta.ObjectMeta{Name: site.Name, Namespace: site.Namespace}, Data: map[string][]byte{"key": {0, 0xff}},
	}
	if err := controllerutil.SetControllerReference(site, wanted, r.scheme); err != nil {
		return err
	}
	return r.Create(ctx, wanted)
}

func (r *reconciler) tell(ctx context.Context, site *Site) error {
	theme := &unstructured.Unstructured{}
	theme.SetGroupVersionKind(themeKind)
	if err := r.Get(ctx, client.ObjectKeyFromObject(site), theme); client.IgnoreNotFound(err) != nil {
		return err
	}
	before := site.DeepCopy()
	site.Status.Message = site.Spec.Message
	site.Status.Colour, _, _ = unstructured.NestedString(theme.Object, "spec", "colour")
	isNew := apimeta.FindStatusCondition(site.Status.Conditions, "Ready") == nil
	apimeta.SetStatusCondition(&site.Status.Conditions, meta.Condition{
		Type: "Ready", Status: meta.ConditionTrue, Reason: "Built", ObservedGeneration: site.Generation,
	})
	if isNew {
		r.events.Eventf(site, nil, corev1.EventTypeNormal, "Built", "Build", "Everything is there")
		return r.Status().Update(ctx, site)
	}
	return r.Status().Patch(ctx, site, client.MergeFrom(before))
}

func (r *reconciler) finalize(ctx context.Context, site *Site) error {
	if !controllerutil.ContainsFinalizer(site, finalizer) {
		return nil
	}
	proof := &corev1.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: site.Name + "-finalized", Namespace: site.Namespace}}
	if err := r.Create(ctx, proof); client.IgnoreAlreadyExists(err) != nil {
		return err
	}
	controllerutil.RemoveFinalizer(site, finalizer)
	return r.Update(ctx, site)
}

// The door between host and plugin: what is exported, and which action goes where. Nothing is thrown through it.
#include <new>

#include "effect.h"

namespace relumix {

namespace {

constexpr const char* kLabel = "Relumix";

Effect* effect_of(const void* handle) {
  auto instance = static_cast<OfxImageEffectHandle>(const_cast<void*>(handle));
  return static_cast<Effect*>(properties_of(instance).pointer(kOfxPropInstanceData));
}

OfxStatus describe(OfxImageEffectHandle handle) {
  Properties effect = properties_of(handle);
  for (const char* each : {kOfxPropLabel, kOfxPropShortLabel, kOfxPropLongLabel}) effect.set(each, kLabel);
  effect.set(kOfxImageEffectPluginPropGrouping, "Color");
  effect.set(kOfxPropPluginDescription,
             "Relights a shot from one relit frame. Give the plate and, at its reference frames, the plate as you "
             "relit it; press Relight range.");
  effect.set(kOfxImageEffectPropSupportedContexts, kOfxImageEffectContextFilter, 0);
  effect.set(kOfxImageEffectPropSupportedContexts, kOfxImageEffectContextGeneral, 1);
  effect.set(kOfxImageEffectPropSupportedPixelDepths, kOfxBitDepthFloat);
  effect.set(kOfxImageEffectPluginRenderThreadSafety, kOfxImageEffectRenderInstanceSafe);
  effect.set(kOfxImageEffectPluginPropHostFrameThreading, 0);
  effect.set(kOfxImageEffectPropSupportsTiles, 0);
  effect.set(kOfxImageEffectPropSupportsMultiResolution, 0);
  effect.set(kOfxImageEffectPropSupportsMultipleClipDepths, 0);
  effect.set(kOfxImageEffectPropSupportsMultipleClipPARs, 0);
  effect.set(kOfxImageEffectPropTemporalClipAccess, 1);
  return kOfxStatOK;
}

void define_clip(OfxImageEffectHandle handle, const char* name, bool optional) {
  OfxPropertySetHandle defined = nullptr;
  if (suites().effects->clipDefine(handle, name, &defined) != kOfxStatOK) return;
  Properties clip(defined);
  clip.set(kOfxImageEffectPropSupportedComponents, kOfxImageComponentRGBA);
  clip.set(kOfxImageEffectPropTemporalClipAccess, 1);
  clip.set(kOfxImageEffectPropSupportsTiles, 0);
  clip.set(kOfxImageClipPropOptional, optional ? 1 : 0);
}

OfxStatus describe_in_context(OfxImageEffectHandle handle) {
  define_clip(handle, "Source", false);
  define_clip(handle, "Reference", true);
  define_clip(handle, "Mask", true);
  define_clip(handle, "Output", false);
  describe_parameters(handle);
  return kOfxStatOK;
}

OfxStatus create(OfxImageEffectHandle handle) {
  properties_of(handle).set(kOfxPropInstanceData, static_cast<void*>(new Effect(handle)));
  return kOfxStatOK;
}

OfxStatus destroy(OfxImageEffectHandle handle) {
  delete effect_of(handle);
  properties_of(handle).set(kOfxPropInstanceData, static_cast<void*>(nullptr));
  return kOfxStatOK;
}

OfxStatus instance_changed(Effect& effect, Properties in) {
  if (in.text(kOfxPropType) != kOfxTypeParameter) return kOfxStatReplyDefault;
  if (in.text(kOfxPropChangeReason) != kOfxChangeUserEdited) return kOfxStatReplyDefault;
  effect.changed(in.text(kOfxPropName));
  return kOfxStatOK;
}

OfxStatus is_identity(const Effect& effect, Properties in, Properties out) {
  double time = in.number(kOfxPropTime, 0);
  if (!effect.is_identity(time)) return kOfxStatReplyDefault;
  out.set(kOfxPropName, "Source");
  out.set(kOfxPropTime, time);
  return kOfxStatOK;
}

OfxStatus of_instance(const std::string& action, Effect& effect, Properties in, Properties out) {
  if (action == kOfxImageEffectActionRender) return effect.render(in);
  if (action == kOfxActionInstanceChanged) return instance_changed(effect, in);
  if (action == kOfxImageEffectActionIsIdentity) return is_identity(effect, in, out);
  if (action == kOfxImageEffectActionGetFramesNeeded) {
    effect.tell_frames_needed(in.number(kOfxPropTime, 0), out);
    return kOfxStatOK;
  }
  if (action == kOfxImageEffectActionGetClipPreferences) {
    out.set(kOfxImageEffectFrameVarying, 1);  // A still under light that moves is none.
    return kOfxStatOK;
  }
  if (action == kOfxImageEffectActionBeginSequenceRender || action == kOfxImageEffectActionEndSequenceRender) {
    effect.sequence(action == kOfxImageEffectActionBeginSequenceRender, in);
    return kOfxStatOK;
  }
  return kOfxStatReplyDefault;
}

OfxStatus act(const std::string& action, const void* handle, Properties in, Properties out) {
  auto instance = static_cast<OfxImageEffectHandle>(const_cast<void*>(handle));
  if (action == kOfxActionLoad) return suites().fetch() ? kOfxStatOK : kOfxStatErrMissingHostFeature;
  if (action == kOfxActionUnload) {
    close_connections();
    return kOfxStatOK;
  }
  if (action == kOfxActionDescribe) return describe(instance);
  if (action == kOfxImageEffectActionDescribeInContext) return describe_in_context(instance);
  if (action == kOfxActionCreateInstance) return create(instance);
  if (action == kOfxActionDestroyInstance) return destroy(instance);
  if (action == kOfxActionPurgeCaches || !handle) return kOfxStatReplyDefault;  // All is the bridge's.
  Effect* effect = effect_of(handle);
  return effect ? of_instance(action, *effect, in, out) : kOfxStatReplyDefault;
}

OfxStatus main_entry(const char* action, const void* handle, OfxPropertySetHandle in, OfxPropertySetHandle out) {
  try {
    return act(action, handle, Properties(in), Properties(out));
  } catch (const std::bad_alloc&) {
    return kOfxStatErrMemory;
  } catch (...) {
    return kOfxStatFailed;
  }
}

void set_host(OfxHost* host) { suites().host = host; }

OfxPlugin plugin = {kOfxImageEffectPluginApi, 1, "org.relumix.Relumix", 1, 0, set_host, main_entry};

}  // namespace

}  // namespace relumix

extern "C" {

OfxExport OfxStatus OfxSetHost(const OfxHost* host) {
  relumix::suites().host = host;
  return kOfxStatOK;
}

OfxExport int OfxGetNumberOfPlugins(void) { return 1; }

OfxExport OfxPlugin* OfxGetPlugin(int index) { return index == 0 ? &relumix::plugin : nullptr; }
}

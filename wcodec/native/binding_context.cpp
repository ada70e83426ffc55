// The context coder for Python.
#include "binding_views.h"

namespace wcz {

namespace {

struct Context {
    using Encoder = wcz_context_encoder;
    using Decoder = wcz_context_decoder;
    using Meter = wcz_context_meter;
    using Tuple = std::array<uint64_t, 5>;  // rows, channels, kernel rows, kernel columns, context set

    static wcz_view view_of(const Tuple &t) {
        if (t[4] >= WCZ_CONTEXT_SETS) {
            throw Fault{WCZ_ARGUMENT};
        }
        return {t[0], t[1], t[2], t[3], static_cast<uint32_t>(t[4])};
    }

    static size_t room(const wcz_view *view) { return wcz_context_columns(view) * sizeof(uint16_t); }

    static void start(Encoder *to, uint8_t *payload, size_t size) { wcz_context_encode_start(to, payload, size); }
    static void start(Decoder *in, const uint8_t *payload, size_t size) { wcz_context_decode_start(in, payload, size); }
    static void start(Meter *meter) { wcz_context_cost_start(meter); }

    template <typename... Rest>
    static wcz_status array(Encoder *to, const wcz_view *view, void *columns, size_t size, Rest... rest) {
        return wcz_context_encode_array(to, view, static_cast<uint16_t *>(columns), size / sizeof(uint16_t), rest...);
    }
    template <typename... Rest>
    static wcz_status array(Decoder *in, const wcz_view *view, void *columns, size_t size, Rest... rest) {
        return wcz_context_decode_array(in, view, static_cast<uint16_t *>(columns), size / sizeof(uint16_t), rest...);
    }
    template <typename... Rest>
    static wcz_status array(Meter *meter, const wcz_view *view, void *columns, size_t size, Rest... rest) {
        return wcz_context_cost_array(meter, view, static_cast<uint16_t *>(columns), size / sizeof(uint16_t), rest...);
    }

    static wcz_status end(Encoder *to, size_t *written) { return wcz_context_encode_end(to, written); }
    static wcz_status end(const Decoder *in) { return wcz_context_decode_end(in); }
};

}  // namespace

void bind_context(nb::module_ &module) {
    using namespace nb::literals;
    module.def("context_encode", &encode<Context>, "values"_a.noconvert(), "views"_a);
    module.def("context_cost", &cost<Context>, "values"_a.noconvert(), "views"_a, "costs"_a.noconvert() = nb::none());
    module.def("context_decode", &decode<Context>, "payload"_a, "views"_a, "out"_a.noconvert());
}

}  // namespace wcz
